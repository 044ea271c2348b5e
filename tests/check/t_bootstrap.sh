#!/usr/bin/env bash
# script/bootstrap with package clients that only tell that they were called.
root=$(cd -- "$(dirname -- "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf -- "$scratch"' EXIT
mkdir -p "$scratch/bin" "$scratch/du ck/lib" "$scratch/du ck/include"
touch "$scratch/du ck/lib/libduckdb.so" "$scratch/du ck/include/duckdb.h"
for client in npm pip pip3 apt-get; do
    printf '#!/bin/sh\necho "%s $*" >>"%s/called"\n: >package.tgz\n' "$client" "$scratch" \
        >"$scratch/bin/$client"
    chmod +x "$scratch/bin/$client"
done
# pkg-config knows no DuckDB unless a test says so.
cat >"$scratch/bin/pkg-config" <<END
#!/bin/sh
case "\$*" in
*duckdb) [ -n "\${PC_DUCKDB:-}" ] || exit 1
    case \$1 in --variable=libdir) echo "\$PC_DUCKDB/lib" ;; --variable=*) echo "\$PC_DUCKDB/include" ;; esac ;;
*) exec "$(command -v pkg-config)" "\$@" ;;
esac
END
chmod +x "$scratch/bin/pkg-config"

number=0 bad=0

# bootstrap [VARIABLE=VALUE...]: run it with an empty cache; fills out, status, called.
bootstrap() {
    : >"$scratch/called"
    out=$(env -u DUCKDB_DIR "PATH=$scratch/bin:$PATH" "XDG_CACHE_HOME=$scratch/cache" "$@" \
        "$root/script/bootstrap" --no-build 2>&1 </dev/null)
    status=$?
    called=$(<"$scratch/called")
}

# check NAME CONDITION: one TAP line.
check() {
    number=$((number + 1))
    if eval "$2"; then
        echo "ok $number - $1"
    else
        printf '# status %s\n# called: %s\n' "$status" "$called"
        sed 's/^/# /' <<<"$out"
        echo "not ok $number - $1"
        bad=1
    fi
}

bootstrap "DUCKDB_DIR=$scratch/du ck"
check 'DUCKDB_DIR: silent, and no package client is called' '[[ $status == 0 && -z $out$called ]]'
bootstrap "PC_DUCKDB=$scratch/du ck"
check 'pkg-config: silent, and no package client is called' '[[ $status == 0 && -z $out$called ]]'
bootstrap "DUCKDB_DIR=$scratch/none"
check 'DUCKDB_DIR without DuckDB: an error that names it, no client' \
    '[[ $status != 0 && $out == *"$scratch/none"* && -z $called ]]'
bootstrap
check 'a download with another checksum is refused by name' \
    '[[ $status != 0 && $called == npm* && $out == *"wrong checksum: @duckdb/node-bindings"* ]]'
check 'and leaves nothing behind that would be taken for it' \
    '[[ -z $(find "$scratch/cache" -type f -size +0) && ! -e $scratch/cache/lq-dev/duckdb-1.5.5 ]]'
echo "1..$number"
exit "$bad"
