/* SPDX-License-Identifier: MIT */
#include "tap.h"

#include "base/alloc.h"
#include "base/clean.h"
#include "base/file.h"
#include "events.h"
#include "parse/engine.h"
#include "parse/match.h"
#include <ftw.h>
#include <sys/resource.h>

static void test_lines(void)
{
    static const struct {
        const char *log, *want;
    } cases[] = {
        /* gcc, clang */
        { "a.c:10:5: error: ‘x’ undeclared\n", "1-1 error a.c:10:5 gcc: ‘x’ undeclared\n" },
        { "a.c:7: warning: unused ‘x’ [-Wunused-variable]\n",
          "1-1 warning a.c:7 [-Wunused-variable] gcc: unused ‘x’\n" },
        { "x.c:1:1: error: ‘y’ [-Werror=implicit]\n",
          "1-1 error x.c:1:1 [-Werror=implicit] gcc: ‘y’\n" },
        { "x.c:1:1: error: use of 'y' [-Werror,-Wuninitialized]\n",
          "1-1 error x.c:1:1 [-Wuninitialized] clang: use of 'y'\n" },
        { "dir/a b.c:1:10: fatal error: x.h: No such file or directory\n",
          "1-1 error dir/a b.c:1:10 gcc: x.h: No such file or directory\n" },
        { "C:\\x\\y.c:7:12: note: declared here\n",
          "1-1 note C:\\x\\y.c:7:12 gcc: declared here\n" },
        { "größe/zählen.cpp:8:28: warning: ‘n’\n", "1-1 warning größe/zählen.cpp:8:28 g++: ‘n’\n" },
        { "gcc: error: x.c: No such file or directory\n",
          "1-1 error gcc: x.c: No such file or directory\n" },
        /* No quotes tell: gcc would have shown the line with a bar. */
        { "x.c:1:1: warning: no end [-Wx]\n", "1-1 warning x.c:1:1 [-Wx] clang: no end\n" },
        { "clang-16: error: linker command failed with exit code 1\n",
          "1-1 error clang-16: linker command failed with exit code 1\n" },
        { "collect2: error: ld returned 1 exit status\n",
          "1-1 error collect2: ld returned 1 exit status\n" },
        { "warning: unknown warning option '-Wfoo' [-Wunknown-warning-option]\n",
          "1-1 warning [-Wunknown-warning-option] clang: unknown warning option '-Wfoo'\n" },
        { "a.c:3:1: internal compiler error: in foo, at bar.cc:12\n",
          "1-1 error a.c:3:1 gcc: in foo, at bar.cc:12\n" },
        /* ld */
        { "/usr/bin/ld: /b/main.c:8: undefined reference to `cbrt'\n",
          "1-1 error /b/main.c:8 ld: undefined reference to `cbrt'\n" },
        { "/usr/bin/ld: store.o:/b/store.c:1: multiple definition of `n'; main.o:/b/main.c:4: first "
          "defined here\n",
          "1-1 error /b/store.c:1 ld: multiple definition of `n'; main.o:/b/main.c:4: first defined "
          "here\n" },
        { "main.c:(.text+0x5): undefined reference to `f'\n",
          "1-1 error ld: undefined reference to `f'\n" },
        { "/usr/bin/ld: cannot find -lfoo: No such file or directory\n",
          "1-1 error ld: cannot find -lfoo: No such file or directory\n" },
        /* make */
        { "make[1]: *** [Makefile:10: check] Error 3\n",
          "1-1 error Makefile:10 make: [Makefile:10: check] Error 3\n" },
        { "make: *** [check] Error 2\n", "1-1 error make: [check] Error 2\n" },
        { "make: *** No rule to make target 'x', needed by 'all'.  Stop.\n",
          "1-1 error make: No rule to make target 'x', needed by 'all'.  Stop.\n" },
        { "Makefile:3: *** missing separator.  Stop.\n",
          "1-1 error Makefile:3 make: missing separator.  Stop.\n" },
        { "Makefile:8: warning: overriding recipe for target 'a'\n",
          "1-1 warning Makefile:8 make: overriding recipe for target 'a'\n" },
        { "make: [Makefile:12: clean] Error 1 (ignored)\n", "" },
        { "make: *** Waiting for unfinished jobs....\n", "" },
        /* Python's linters */
        { "a.py:15: error: Name \"x\" is not defined  [name-defined]\n",
          "1-1 error a.py:15 [name-defined] mypy: Name \"x\" is not defined\n" },
        { "a.py:1:8: F401 [*] `os` imported but unused\n",
          "1-1 error a.py:1:8 [F401] ruff: [*] `os` imported but unused\n" },
        { "a.py:1:80: E501 line too long (80 > 79 characters)\n",
          "1-1 error a.py:1:80 [E501] flake8: line too long (80 > 79 characters)\n" },
        { "a.py:1:1: W503 line break before binary operator\n",
          "1-1 warning a.py:1:1 [W503] flake8: line break before binary operator\n" },
        { "b/x.sh:3:8: note: Double quote. [SC2086]\n",
          "1-1 note b/x.sh:3:8 [SC2086] shellcheck: Double quote.\n" },
        { "a.py:19:4: W0102: Dangerous default value [] as argument (dangerous-default-value)\n",
          "1-1 warning a.py:19:4 [W0102] pylint: Dangerous default value [] as argument\n" },
        /* more languages */
        { "src/m.ts(1,17): error TS6133: 'L' is declared.\n",
          "1-1 error src/m.ts:1:17 [TS6133] tsc: 'L' is declared.\n" },
        { "src/m.ts:1:17 - error TS6133: 'L' is declared.\n",
          "1-1 error src/m.ts:1:17 [TS6133] tsc: 'L' is declared.\n" },
        { "s/S.cs(7,42): error CS0029: Cannot convert\n",
          "1-1 error s/S.cs:7:42 [CS0029] mcs: Cannot convert\n" },
        { "x.cpp(10): error C2065: 'y': undeclared identifier\n",
          "1-1 error x.cpp:10 [C2065] msvc: 'y': undeclared identifier\n" },
        { "./main.go:5:2: \"os\" imported and not used\n",
          "1-1 error ./main.go:5:2 go: \"os\" imported and not used\n" },
        { "s/A.java:6: warning: [rawtypes] found raw type: List\n",
          "1-1 warning s/A.java:6 [rawtypes] javac: found raw type: List\n" },
        { "[ERROR] /b/A.java:[3,8] cannot find symbol\n",
          "1-1 error /b/A.java:3:8 javac: cannot find symbol\n" },
        { "x.asm:4: error: expecting ]\n", "1-1 error x.asm:4 nasm: expecting ]\n" },
        { "x.s:4: Error: no such instruction: `foo'\n",
          "1-1 error x.s:4 as: no such instruction: `foo'\n" },
        { "main.adb:3:19: found a string type\n",
          "1-1 error main.adb:3:19 gnat: found a string type\n" },
        { "w.cpp:23:14: warning: use nullptr [modernize-use-nullptr]\n",
          "1-1 warning w.cpp:23:14 [modernize-use-nullptr] clang-tidy: use nullptr\n" },
        { "a.c:4:36: runtime error: shift exponent 40 is too large\n",
          "1-1 error a.c:4:36 ubsan: shift exponent 40 is too large\n" },
        { "Dockerfile:2 DL4000 error: MAINTAINER is deprecated\n",
          "1-1 error Dockerfile:2 [DL4000] hadolint: MAINTAINER is deprecated\n" },
        { "docs/g.md:4:1 error MD029/ol-prefix Ordered list item prefix\n",
          "1-1 error docs/g.md:4:1 [MD029] markdownlint: Ordered list item prefix\n" },
        /* tests that have a line of their own */
        { "1/8 Test #1: probe.ok ....   Passed    0.01 sec\n", "1-1 pass probe.ok ctest: \n" },
        { "3/8 Test #3: crash ....Subprocess aborted***Exception:   0.00 sec\n",
          "1-1 fail crash ctest: \n" },
        { "[  FAILED  ] Suite.Name (3 ms)\n", "1-1 fail Suite.Name googletest: \n" },
        { "not ok 2 - cut\n", "1-1 fail cut tap: \n" },
        { "ok 3 - net # SKIP no network\n", "1-1 skip net tap: \n" },
        { "    --- FAIL: TestSum/two (0.02s)\n", "1-1 fail TestSum/two go test: \n" },
        { "test tests::one ... ok\n", "1-1 pass tests::one cargo_test: \n" },
        { "test tests::slow ... ignored, slow\n", "1-1 skip tests::slow cargo_test: \n" },
        { "test result: FAILED. 1 passed; 5 failed; 1 ignored; finished in 0.00s\n", "" },
        { "[ERROR] o.e.AlarmTest.hours(int)[1] -- Time elapsed: 0.041 s <<< FAILURE!\n"
          "org.x.AssertionFailedError: minutes 1\n\tat o.e.AlarmTest.hours(AlarmTest.java:15)\n",
          "1-3 fail o.e.AlarmTest.hours(int)[1] AlarmTest.java:15 surefire: minutes 1\n" },
        /* what CI systems are told */
        { "::error title=ruff (F401),file=/b/a.py,line=1,col=8,endLine=1::a.py:1:8: F401 `os` unused%0A\n",
          "1-1 error /b/a.py:1:8 [F401] ruff: `os` unused\n" },
        { "::warning file=a.js,line=3::Missing semicolon\n",
          "1-1 warning a.js:3 github-actions: Missing semicolon\n" },
        { "##vso[task.logissue type=error;sourcepath=a.c;linenumber=3;columnnumber=1;code=100;]Broken\n",
          "1-1 error a.c:3:1 [100] azure-pipelines: Broken\n" },
        /* prefixes of CI */
        { "##[error]a.c:1:2: error: ‘x’\n", "1-1 error a.c:1:2 gcc: ‘x’\n" },
        { "#12 3.456 a.c:1:2: error: ‘x’\n", "1-1 error a.c:1:2 gcc: ‘x’\n" },
        { "2026-11-28T10:00:00.123456Z 01E a.c:1:2: error: ‘x’\n", "1-1 error a.c:1:2 gcc: ‘x’\n" },
        { "2026-11-28 10:00:00,123 a.c:1:2: error: ‘x’\n", "1-1 error a.c:1:2 gcc: ‘x’\n" },
        { "[10:00:00] a.c:1:2: error: ‘x’\n", "1-1 error a.c:1:2 gcc: ‘x’\n" },
        { "web-1  | a.c:1:2: error: ‘x’\n", "1-1 error a.c:1:2 gcc: ‘x’\n" },
        { "[lib/core] a.c:1:2: error: ‘x’\n", "1-1 error a.c:1:2 gcc: ‘x’\n" },
        { "hello-2.12> a.c:1:2: error: ‘x’\n", "1-1 error a.c:1:2 gcc: ‘x’\n" },
        { "web:build: a.ts(1,2): error TS1005: ';' expected.\n",
          "1-1 error a.ts:1:2 [TS1005] tsc: ';' expected.\n" },
        { "packages/ui build: a.ts(1,2): error TS1005: ';' expected.\n",
          "1-1 error a.ts:1:2 [TS1005] tsc: ';' expected.\n" },
        { "12: a.c:1:2: error: ‘x’\n", "1-1 error a.c:1:2 gcc: ‘x’\n" },
        { "2026-11-22T15:19:24.0193070Z a.c:1:2: error: ‘x’\n", "1-1 error a.c:1:2 gcc: ‘x’\n" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++)
        check_events(cases[i].log, cases[i].want);
}

static void test_several_lines(void)
{
    /* The caret lines belong to the diagnostic. */
    check_events("a.c:1:2: warning: ‘x’\n    1 | int x;\n      |     ^\na.c:2:1: note: here\n",
                 "1-3 warning a.c:1:2 gcc: ‘x’\n4-4 note a.c:2:1 gcc: here\n");
    /* A prefix goes on over what belongs together, and another service's line is nothing. */
    check_events("web-1  | a.c:1:2: warning: ‘x’\nweb-1  |     1 | int x;\nweb-1  |       |     ^\n"
                 "db-1   | ready\n",
                 "1-3 warning a.c:1:2 gcc: ‘x’\n");
    /* Where make and ninja are is what their compilers' paths are relative to; not so when jobs
     * run in two folders. */
    check_events("make[1]: Entering directory '/b/lib'\n../x/./a.c:1:2: error: ‘x’\n"
                 "/b/c.c:1:2: error: ‘x’\nmake[2]: Entering directory '/b/lib/sub'\n"
                 "s.c:1:2: error: ‘x’\nmake[2]: Leaving directory '/b/lib/sub'\n"
                 "make[1]: Entering directory '/b/app'\na.c:1:2: error: ‘x’\n"
                 "make[1]: Leaving directory '/b/app'\nmake[1]: Leaving directory '/b/lib'\n"
                 "a.c:9:2: error: ‘x’\n",
                 "2-2 error /b/x/a.c:1:2 gcc: ‘x’\n3-3 error /b/c.c:1:2 gcc: ‘x’\n"
                 "5-5 error /b/lib/sub/s.c:1:2 gcc: ‘x’\n8-8 error a.c:1:2 gcc: ‘x’\n"
                 "11-11 error a.c:9:2 gcc: ‘x’\n");
    check_events("ninja: Entering directory `build'\n../src/a.c:1:2: error: ‘x’\n"
                 "gen/b.c:1:2: error: ‘x’\n",
                 "2-2 error src/a.c:1:2 gcc: ‘x’\n3-3 error gen/b.c:1:2 gcc: ‘x’\n");
    /* A header's language is its includer's. */
    check_events("In file included from b/x.cpp:1:\nb/x.h:2:3: error: ‘y’\n",
                 "2-2 error b/x.h:2:3 g++: ‘y’\n");
    /* CMake wraps its text. */
    check_events(
        "CMake Error at CMakeLists.txt:8 (message):\n  cannot go\n  on\n\n  at all\n\n\n-- x\n",
        "1-5 error CMakeLists.txt:8 cmake: cannot go on\nat all\n");
    check_events(
        "E401 [*] Multiple imports on one line\n --> src/cart.py:2:1\n  |\n2 | import os\n  | ^^\n\n",
        "1-5 error src/cart.py:2:1 [E401] ruff: Multiple imports on one line\n");
    check_events(
        "warning: unused import: `a`\n --> src/lib.rs:2:5\n  |\n2 | use a;\n  |     ^\n"
        "  = note: `#[warn(unused_imports)]` on by default\n\nerror: could not compile `x`\n",
        "1-6 warning src/lib.rs:2:5 [unused_imports] rustc: unused import: `a`\n");
    check_events("\n/b/till.js\n  1:7   error    'fs' is never used   no-unused-vars\n"
                 "  2:3  warning  Parsing: x\n\n",
                 "3-3 error /b/till.js:1:7 [no-unused-vars] eslint: 'fs' is never used\n"
                 "4-4 warning /b/till.js:2:3 eslint: Parsing: x\n");
    check_events("a.yml\n  1:1       warning  no start \"---\"  (document-start)\n",
                 "2-2 warning a.yml:1:1 [document-start] yamllint: no start \"---\"\n");
    check_events("\nIn x.sh line 3:\necho $a $b\n     ^-- SC2086 (info): Quote a.\n"
                 "        ^-- SC2086 (info): Quote b.\n\nIn x.sh line 4:\n",
                 "4-4 info x.sh:3:6 [SC2086] shellcheck: Quote a.\n"
                 "5-5 info x.sh:3:9 [SC2086] shellcheck: Quote b.\n");
    check_events("Traceback (most recent call last):\n  File \"/b/a.py\", line 8, in f\n    g()\n"
                 "  File \"/b/c.py\", line 2, in g\n    raise x.E(1)\nx.E: 1\nnext\n",
                 "1-6 error /b/c.py:2 [E] python: x.E: 1\n");
    check_events(
        "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'a'\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        "Traceback (most recent call last):\n  File \"a.py\", line 9, in <module>\n"
        "IndexError: no\n",
        "1-9 error a.py:9 [IndexError] python: IndexError: no\n");
}

/* Tools that the fixtures do not run: their forms, from their documentation and public logs. */
static void test_documented_forms(void)
{
    static const struct {
        const char *log, *want;
    } cases[] = {
        /* terraform */
        { "Initializing the backend...\n"
          "╷\n"
          "│ Error: Unsupported argument\n"
          "│ \n"
          "│   on main.tf line 5, in resource \"aws_instance\" \"web\":\n"
          "│    5:   foo = \"bar\"\n"
          "│ \n"
          "│ An argument named \"foo\" is not expected here.\n"
          "╵\n"
          "╷\n"
          "│ Warning: Argument is deprecated\n"
          "│ \n"
          "│   with aws_s3_bucket.b,\n"
          "│   on modules/s3/main.tf line 12, in resource \"aws_s3_bucket\" \"b\":\n"
          "│   12:   acl = \"private\"\n"
          "│ \n"
          "│ Use the aws_s3_bucket_acl resource instead\n"
          "╵\n",
          "3-8 error main.tf:5 terraform: Unsupported argument\n"
          "11-17 warning modules/s3/main.tf:12 terraform: Argument is deprecated\n" },
        /* bazel */
        { "ERROR: /home/u/p/lib/BUILD:7:12: in deps attribute of //lib:a: target '//lib:nope' does not exist\n"
          "Target //main:hello failed to build\n"
          "ERROR: Build did NOT complete successfully\n",
          "1-1 error /home/u/p/lib/BUILD:7:12 bazel: in deps attribute of //lib:a: target '//lib:nope' does not exist\n" },
        /* docker */
        { "Dockerfile:5\n"
          "--------------------\n"
          "   4 |     COPY . .\n"
          "   5 | >>> RUN make\n"
          "--------------------\n"
          "ERROR: failed to solve: process \"/bin/sh -c make\" did not complete successfully: exit code: 2\n",
          "1-6 error Dockerfile:5 docker: failed to solve: process \"/bin/sh -c make\" did not complete successfully: exit code: 2\n" },
        /* phpstan */
        { " ------ ------------------------------------------------------------------- \n"
          "  Line   src/Foo.php                                                      \n"
          " ------ ------------------------------------------------------------------- \n"
          "  10     Parameter #1 $x of function strlen expects string, int given.    \n"
          "         🪪  argument.type                                                \n"
          "  24     Method App\\Foo::bar() has no return type specified and this is a \n"
          "         very long message.                                               \n"
          " ------ ------------------------------------------------------------------- \n"
          "\n"
          " [ERROR] Found 2 errors                                                   \n",
          "4-5 error src/Foo.php:10 [argument.type] phpstan: Parameter #1 $x of function strlen expects string, int given.\n"
          "6-7 error src/Foo.php:24 phpstan: Method App\\Foo::bar() has no return type specified and this is a very long message.\n" },
        /* phpcs */
        { "\n"
          "FILE: /app/src/Foo.php\n"
          "----------------------------------------------------------------------\n"
          "FOUND 2 ERRORS AND 1 WARNING AFFECTING 3 LINES\n"
          "----------------------------------------------------------------------\n"
          "  2 | ERROR   | [ ] Missing file doc comment\n"
          " 20 | WARNING | [x] Line exceeds 85 characters; contains 93 characters and\n"
          "    |         |     goes on here\n"
          " 47 | ERROR   | [x] Expected 1 space\n"
          "----------------------------------------------------------------------\n"
          "PHPCBF CAN FIX THE 2 MARKED SNIFF VIOLATIONS AUTOMATICALLY\n"
          "----------------------------------------------------------------------\n",
          "6-6 error /app/src/Foo.php:2 phpcs: Missing file doc comment\n"
          "7-8 warning /app/src/Foo.php:20 phpcs: Line exceeds 85 characters; contains 93 characters and goes on here\n"
          "9-9 error /app/src/Foo.php:47 phpcs: Expected 1 space\n" },
        /* swift */
        { "/home/u/App/Sources/main.swift:5:9: error: cannot find 'foo' in scope\n"
          "    let x = foo()\n"
          "            ^~~\n"
          "/home/u/App/Sources/main.swift:7:5: warning: initialization of immutable value 'y' was never used; consider replacing with assignment to '_' or removing it\n"
          "    let y = 1\n"
          "    ~~~~^\n"
          "    _\n"
          "error: fatalError\n",
          "1-3 error /home/u/App/Sources/main.swift:5:9 swiftc: cannot find 'foo' in scope\n"
          "4-7 warning /home/u/App/Sources/main.swift:7:5 swiftc: initialization of immutable value 'y' was never used; consider replacing with assignment to '_' or removing it\n" },
        /* zig */
        { "src/main.zig:5:13: error: use of undeclared identifier 'foo'\n"
          "    const x = foo();\n"
          "              ^~~\n"
          "src/main.zig:9:5: error: expected type 'u8', found 'bool'\n"
          "src/main.zig:1:1: note: called from here\n",
          "1-3 error src/main.zig:5:13 zig: use of undeclared identifier 'foo'\n"
          "4-4 error src/main.zig:9:5 zig: expected type 'u8', found 'bool'\n"
          "5-5 note src/main.zig:1:1 zig: called from here\n" },
        /* dart */
        { "Analyzing app...\n"
          "\n"
          "  error • Undefined name 'foo' • lib/main.dart:5:3 • undefined_identifier\n"
          "warning • Unused import: 'dart:io' • lib/main.dart:1:8 • unused_import\n"
          "   info - lib/a.dart:3:1 - Prefer const. - prefer_const_constructors\n"
          "lib/main.dart:10:7: Error: Method not found: 'bar'.\n"
          "      bar();\n"
          "      ^^^\n",
          "3-3 error lib/main.dart:5:3 [undefined_identifier] dart: Undefined name 'foo'\n"
          "4-4 warning lib/main.dart:1:8 [unused_import] dart: Unused import: 'dart:io'\n"
          "5-5 info lib/a.dart:3:1 [prefer_const_constructors] dart: Prefer const.\n"
          "6-6 error lib/main.dart:10:7 dart: Method not found: 'bar'.\n" },
        /* golangci */
        { "main.go:12:2: Error return value of `f.Close` is not checked (errcheck)\n"
          "\tf.Close()\n"
          "\t^\n"
          "pkg/a.go:3:6: func `unused` is unused (unused)\n",
          "1-3 error main.go:12:2 [errcheck] golangci-lint: Error return value of `f.Close` is not checked\n"
          "4-4 error pkg/a.go:3:6 [unused] golangci-lint: func `unused` is unused\n" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++)
        check_events(cases[i].log, cases[i].want);
}

static void test_pytest(void)
{
    /* -q: the full name stands in the summary alone. */
    check_events(
        "F.\n=== FAILURES ===\n___ T.test_a[x.y] ___\n\n    def test_a(v):\n>       f()\n\n"
        "t/test_x.py:3: \n_ _ _ _ _\n    def f():\n>       raise ValueError('no')\n"
        "E       ValueError: no\n\nsrc/x.py:9: ValueError\n"
        "--- Captured stdout call ---\nmain.c:1:2: error: fake\n"
        "=== short test summary info ===\n"
        "FAILED t/test_x.py::T::test_a[x.y] - ValueError: no\n1 failed, 1 passed in 0.01s\n",
        "3-18 fail t/test_x.py::T::test_a[x.y] src/x.py:9 pytest: ValueError: no\n");
    /* -v: each result has its line; the failure is one event. */
    check_events(
        "=== test session starts ===\nt.py::test_a PASSED  [ 33%]\n"
        "t.py::test_b[ü 5%-2] FAILED [ 66%]\nt.py::test_c SKIPPED (no net) [100%]\n"
        "=== FAILURES ===\n___ test_b[ü 5%-2] ___\nt.py:4: in test_b\n    assert 0\n"
        "E   assert 0\n=== short test summary info ===\nFAILED t.py::test_b[ü 5%-2] - assert 0\n"
        "=== 1 failed, 1 passed, 1 skipped in 0.10s ===\n",
        "2-2 pass t.py::test_a t.py pytest: \n4-4 skip t.py::test_c t.py pytest: \n"
        "3-9 fail t.py::test_b[ü 5%-2] t.py:4 pytest: assert 0\n");
    /* --tb=no and --tb=line */
    check_events(
        "=== short test summary info ===\nFAILED t.py::a - assert 0\nERROR t.py::b - E: x - y\n"
        "2 failed in 0.1s\n",
        "2-2 fail t.py::a t.py pytest: assert 0\n3-3 error t.py::b t.py pytest: E: x - y\n");
    check_events("=== FAILURES ===\n/b/t.py:4: assert 0\n=== short test summary info ===\n"
                 "FAILED t.py::a - assert 0\n1 failed in 0.1s\n",
                 "2-4 fail t.py::a /b/t.py:4 pytest: assert 0\n");
    /* Without a summary the name is pieced together. */
    check_events("=== FAILURES ===\n___ T.a ___\nt.py:4: in a\nE   assert 0\n1 failed in 0.1s\n",
                 "2-4 fail t.py::T::a t.py:4 pytest: assert 0\n");
    check_events("[gw0] [ 50%] PASSED t.py::a \n", "1-1 pass t.py::a t.py pytest: \n");
    check_events(
        "=== warnings summary ===\nt.py::a\n  /b/c.py:35: DeprecationWarning: old\n    f()\n\n",
        "3-3 warning /b/c.py:35 [DeprecationWarning] pytest: old\n");
}

static void test_no_events(void)
{
    static const char *const cases[] = {
        "",
        "\n\n\n",
        "Checking for error: none found\n",
        "note: nothing to do here\n",
        "12:30:45: error: starting\n",
        "12:30:45:123: error: starting\n",
        "http://localhost:8080: error: rate 0.00 %\n",
        "2026-11-22 15:25:17,838 INFO handler:5 request 0: error: no\n",
        "Tests: 0 failed, 12 passed, FAILED: 0\n",
        "FAILED: 0\n",
        "gcc -Wall -Werror=format -c error.c -o error.o\n",
        "  --warn-error: error: treat warnings as errors\n",
        "an error: in prose, and a warning: too\n",
        "Traceback (most recent call last):\n    ...\nNotFound: as in a docstring\n",
        "compilation terminated.\n",
        "2 warnings and 1 error generated.\n",
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++)
        check_events(cases[i], "");
}

static void test_clean(void)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "plain\n", "plain\n" },
        { "\033[1;31mred\033[0m\n", "red\n" },
        { "\033[01m\033[Ka.c:1:\033[m\033[K x\n", "a.c:1: x\n" },
        { "\033]8;;http://x\033\\link\033]8;;\033\\ y\n", "link y\n" },
        { "\033]8;;http://x\alink\033]8;;\a y\n", "link y\n" },
        { "\033(B\033[m x\n", " x\n" },
        { "a\r\nb\r\r\n", "a\nb\n" },
        { "10%\r20%\rdone\n", "done\n" },
        { "text\r\033[0m\n", "text\n" },
        { "text\r\033[K\n", "\n" },
        { "cut \033[31\nnext\n", "cut \nnext\n" },
        { "cut \033]8;;x\nnext\n", "cut \nnext\n" },
        { "end\033", "end" },
        { "end\033[", "end" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_free) char *text = lq_strdup(cases[i].text);

        TAP_CASE(cases[i].want);
        text[lq_clean(text, strlen(text))] = '\0';
        CHECK_STR(text, cases[i].want);
    }
}

static void test_odd_bytes(void)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf got = LQ_BUF_INIT;
    static const char log[] =
        "a\0b\n\xff\xfe\na.c:1:2: error: x\0y \xff\r\nlast.c:3:4: error: no end";

    parse_into(&got, add_event, (struct lq_str){ log, sizeof log - 1 }, 0);
    CHECK(strstr(lq_buf_text(&got), "3-3 error a.c:1:2 gcc: x") != NULL);
    CHECK(memmem(got.data, got.len, "4-4 error last.c:3:4 gcc: no end\n", 33) != NULL);
}

/* ---- the same events, however the log is cut ---- */

static struct lq_buf corpus; /* all fixtures, one after another */

static int add_fixture(const char *path, const struct stat *info, int type, struct FTW *at)
{
    struct lq_error err;

    if (type == FTW_F && lq_str_ends(lq_str_of(path), LQ_STR(".log")))
        return lq_file_read(path, 1 << 24, &corpus, &err) == LQ_OK ? 0 : 1;
    return 0;
}

static void test_pieces(void)
{
    static const size_t pieces[] = { 1, 7, 4096, 65535, 65536, 65537 };
    LQ_CLEANUP(lq_buf_release) struct lq_buf log = LQ_BUF_INIT, whole = LQ_BUF_INIT;

    /* Long enough for many blocks, with lines around their size, and lines that never end. */
    for (int i = 0; i < 40 && corpus.len; i++) {
        lq_buf_add(&log, corpus.data, corpus.len);
        for (int n = 0; n < 65530 + i && i > 30; n++)
            lq_buf_addc(&log, n % 977 ? 'a' : i % 2 ? '\r' : ' ');
        lq_buf_adds(&log, i % 3 ? "\r\n" : "\n");
        lq_buf_adds(&log, "mark.c:1:2: error: after\n");
    }
    parse_into(&whole, add_event, (struct lq_str){ log.data, log.len }, 0);
    CHECK(whole.len > 1000);
    for (size_t i = 0; i < LQ_COUNT(pieces); i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf got = LQ_BUF_INIT;

        parse_into(&got, add_event, (struct lq_str){ log.data, log.len }, pieces[i]);
        CHECK_INT(got.len, whole.len);
        CHECK(got.len == whole.len && memcmp(got.data, whole.data, got.len) == 0);
    }
}

/* Every line that an expression matches is a hit of the first pass, wherever the text lies in
 * memory: vectorscan's faults (match.c) depend on that. */
static void test_first_pass(void)
{
    LQ_CLEANUP(lq_free) char *memory = lq_alloc(corpus.len + 128);
    struct lq_scanner *scanner = lq_scanner_new();
    struct lq_matches *matches = lq_matches_new();
    struct lq_hits hits = { .at = NULL };
    long n_matched = 0;

    for (size_t shift = 0; shift < 64; shift += 7) {
        char *text = memory + shift;
        size_t len, n = 0;

        memcpy(text, corpus.data, corpus.len);
        len = lq_clean(text, corpus.len);
        lq_scanner_scan(scanner, (struct lq_str){ text, len }, &hits);
        for (size_t at = 0; at < len;) {
            const char *newline = memchr(text + at, '\n', len - at);
            const size_t end = newline ? (size_t)(newline - text) : len;
            const size_t first = n;

            while (n < hits.count && hits.at[n].end <= end)
                n++;
            for (size_t r = 0; r < lq_n_rules; r++) {
                bool hit = false;

                if (!lq_rules[r].first || !lq_matches_try(matches, lq_rules[r].regexp,
                                                          (struct lq_str){ text + at, end - at }))
                    continue;
                for (size_t i = first; i < n; i++)
                    hit |= hits.at[i].rule == r;
                TAP_CASE(lq_rules[r].regexp);
                CHECK(hit);
                n_matched++;
            }
            at = end + 1;
        }
    }
    CHECK(n_matched > 100);
    free(hits.at);
    lq_scanner_free(&scanner);
    lq_matches_free(&matches);
}

/* ---- limits ---- */

static void check_sizes(void *ctx, const struct lq_event *event)
{
    struct lq_buf *out = ctx;

    CHECK(event->message.len <= LQ_MESSAGE_MAX_BYTES);
    CHECK(event->raw_text.len <= LQ_RAW_TEXT_MAX_BYTES);
    lq_buf_addf(out, "%lld %zu %d\n", (long long)event->log_line_start, event->message.len,
                lq_str_ends(event->message, LQ_STR("…")));
}

static void test_ceilings(void)
{
    LQ_CLEANUP(lq_buf_release) struct lq_buf log = LQ_BUF_INIT, got = LQ_BUF_INIT;

    lq_buf_adds(&log, "a.c:1:2: error: ");
    for (int i = 0; i < 5000; i++)
        lq_buf_adds(&log, "ü");
    lq_buf_adds(&log, "\n");
    lq_buf_adds(&log, "CMake Error at x:1 (m):\n");
    for (int i = 0; i < 20000; i++)
        lq_buf_adds(&log, "  some wrapped text\n");
    parse_into(&got, check_sizes, (struct lq_str){ log.data, log.len }, 0);
    /* Cut before a character that does not fit beside the mark. */
    CHECK_STR(lq_buf_text(&got), "1 8191 1\n2 8192 1\n");
}

static void test_endless_line(void)
{
    struct lq_parser *parser = NULL;
    LQ_CLEANUP(lq_buf_release) struct lq_buf got = LQ_BUF_INIT;
    struct lq_error err;
    struct rusage usage;
    static char megabyte[1 << 20];
    static const char *const fills[] = { "a", "(", "1:1:", "a.c:1:", "::" };

    for (size_t f = 0; f < LQ_COUNT(fills); f++) {
        const size_t n = strlen(fills[f]);

        for (size_t i = 0; i < sizeof megabyte; i++)
            megabyte[i] = fills[f][i % n];
        lq_buf_clear(&got);
        CHECK(lq_parser_new(&parser, NULL, add_event, &got, &err) == LQ_OK);
        for (int i = 0; i < 100; i++)
            lq_parser_feed(parser, megabyte, sizeof megabyte);
        lq_parser_feed(parser, "\nb.c:1:2: error: x\n", 19);
        lq_parser_finish(parser);
        CHECK_INT(lq_parser_line_count(parser), 2);
        CHECK(strstr(lq_buf_text(&got), "2-2 error b.c:1:2 gcc: x\n") != NULL);
        lq_parser_free(&parser);
    }
    getrusage(RUSAGE_SELF, &usage);
    CHECK(usage.ru_maxrss < 512 << 10); /* KiB; a sanitizer's share included */
}

static void test_line_count(void)
{
    static const struct {
        const char *log;
        int lines;
    } cases[] = { { "", 0 }, { "a", 1 }, { "a\n", 1 }, { "a\n\n", 2 }, { "a\rb\nc", 2 } };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        struct lq_parser *parser = NULL;
        LQ_CLEANUP(lq_buf_release) struct lq_buf got = LQ_BUF_INIT;

        TAP_CASE(cases[i].log);
        CHECK(lq_parser_new(&parser, NULL, add_event, &got, NULL) == LQ_OK);
        lq_parser_feed(parser, cases[i].log, strlen(cases[i].log));
        lq_parser_finish(parser);
        CHECK_INT(lq_parser_line_count(parser), cases[i].lines);
        lq_parser_free(&parser);
    }
}

/* ---- formats ---- */

static void test_formats(void)
{
    struct lq_parser *parser = NULL;
    LQ_CLEANUP(lq_buf_release) struct lq_buf got = LQ_BUF_INIT;
    struct lq_error err = { 0 };
    size_t n;
    const struct lq_format_info *infos = lq_formats(&n);

    CHECK(n >= 10);
    for (size_t i = 1; i < n; i++)
        CHECK(strcmp(infos[i - 1].name, infos[i].name) < 0);
    CHECK(lq_parser_new(&parser, &(struct lq_parser_opts){ .format = "nosuch" }, add_event, &got,
                        &err) == LQ_BAD_INPUT);
    CHECK_STR(err.message, "unknown format 'nosuch'");
    CHECK(lq_parser_new(&parser, &(struct lq_parser_opts){ .format = "mypy" }, add_event, &got,
                        &err) == LQ_OK);
    lq_parser_feed(parser, "a.c:1:2: error: x\nb.py:3: error: y  [z]\n", 40);
    lq_parser_finish(parser);
    lq_parser_free(&parser);
    CHECK_STR(lq_buf_text(&got), "2-2 error b.py:3 [z] mypy: y\n");
}

/* ---- fingerprints ---- */

static void add_fingerprint(void *ctx, const struct lq_event *event)
{
    lq_buf_clear(ctx);
    lq_buf_add(ctx, event->fingerprint.ptr, event->fingerprint.len);
}

static void test_fingerprints(void)
{
    static const struct {
        bool same;
        const char *one, *other;
    } cases[] = {
        { true, "a.c:1:2: error: ‘x’ undeclared\n", "/home/me/b.c:99:1: error: ‘yy’ undeclared\n" },
        { true, "a.c:1:2: warning: unused variable ‘i’ [-Wunused]\n",
          "a.c:5:2: warning: unused variable ‘n’ [-Wunused]\n" },
        { true, "a.c:1:2: error: array size 12 is too big\n",
          "a.c:1:2: error: array size 4096 is too big\n" },
        { true, "a.c:1:2: error: at address 0x7f00 of ‘p’\n",
          "a.c:1:2: error: at address 0xdeadbeef of ‘p’\n" },
        { true, "a.c:1:2: error: cannot open /usr/x/a.h today ‘q’\n",
          "a.c:1:2: error: cannot open /opt/b.h today ‘q’\n" },
        { true, "a.c:1:2: warning: ‘x’ [-Wx]\n", "a.c:1:2: error: ‘x’ [-Wx]\n" },
        { true, "t.py::test_a FAILED\n", "x\nt.py::test_a FAILED\n" },
        { false, "a.c:1:2: error: ‘x’ undeclared\n", "a.c:1:2: error: ‘x’ redeclared\n" },
        { false, "a.c:1:2: warning: ‘x’ [-Wx]\n", "a.c:1:2: warning: ‘x’ [-Wy]\n" },
        { false, "a.c:1:2: error: isn't ‘a’ so\n", "a.c:1:2: error: isn't ‘a’ thus\n" },
        { false, "t.py::test_a FAILED\n", "t.py::test_b FAILED\n" },
        { false, "t.py::test_a[1] FAILED\n", "t.py::test_a[2] FAILED\n" },
        { false, "a.py:1:1: E501 line too long (80 > 79 characters)\n",
          "a.py:1:1: E502 line too long (80 > 79 characters)\n" },
    };

    for (size_t i = 0; i < LQ_COUNT(cases); i++) {
        LQ_CLEANUP(lq_buf_release) struct lq_buf one = LQ_BUF_INIT, other = LQ_BUF_INIT;

        TAP_CASE(cases[i].one);
        parse_into(&one, add_fingerprint, lq_str_of(cases[i].one), 0);
        parse_into(&other, add_fingerprint, lq_str_of(cases[i].other), 0);
        CHECK(one.len > 20);
        CHECK((strcmp(lq_buf_text(&one), lq_buf_text(&other)) == 0) == cases[i].same);
    }
}

int main(void)
{
    const char *root = getenv("LQ_SOURCE_ROOT");
    LQ_CLEANUP(lq_free) char *folder = lq_path_join(root ? root : ".", "tests/fixtures/logs");

    if (nftw(folder, add_fixture, 16, FTW_PHYS) != 0 || !corpus.len) {
        printf("Bail out! no fixtures in %s\n", folder);
        return 1;
    }
    TAP_RUN(test_lines);
    TAP_RUN(test_several_lines);
    TAP_RUN(test_documented_forms);
    TAP_RUN(test_pytest);
    TAP_RUN(test_no_events);
    TAP_RUN(test_clean);
    TAP_RUN(test_odd_bytes);
    TAP_RUN(test_pieces);
    TAP_RUN(test_first_pass);
    TAP_RUN(test_ceilings);
    TAP_RUN(test_endless_line);
    TAP_RUN(test_line_count);
    TAP_RUN(test_formats);
    TAP_RUN(test_fingerprints);
    lq_buf_release(&corpus);
    return tap_done();
}
