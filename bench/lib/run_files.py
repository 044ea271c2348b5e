# SPDX-License-Identifier: MIT
"""Make many run files of a project out of one: python run_files.py RUN.parquet FOLDER COUNT

Needs the module duckdb. Each file is a valid run with an id and a uid of its own; a hundred lie in the
folder of a day, as lq names them. A line for each is printed: path, uid.
"""
import datetime
import os
import shutil
import sys

import duckdb

PER_DAY = 100
source, folder, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
db = duckdb.connect()
db.execute("SET partitioned_write_max_open_files = 1000; SET threads = 2")
db.execute("CREATE TABLE run AS SELECT * FROM read_parquet(?, hive_partitioning = false)", [source])
first = datetime.date(2025, 1, 1)
for start in range(1, count + 1, PER_DAY):
    day = first + datetime.timedelta(days=start // PER_DAY)
    target = os.path.join(folder, f"date={day}", "source=run")
    parts = os.path.join(folder, "parts")
    os.makedirs(target)
    db.execute(f"""
        COPY (SELECT * REPLACE (n AS run_id, printf('01940000-0000-7000-8000-%012x', n) AS run_uid),
              n AS part FROM run, range({start}, {min(start + PER_DAY, count + 1)}) r(n))
        TO '{parts}' (FORMAT parquet, PARTITION_BY (part))""")
    for name in os.listdir(parts):
        n = int(name.partition("=")[2])
        path = os.path.join(target, f"{n:03}_build_143022.parquet")
        [file] = os.listdir(os.path.join(parts, name))
        os.rename(os.path.join(parts, name, file), path)
        print(os.path.relpath(path, folder), f"01940000-0000-7000-8000-{n:012x}", sep="\t")
    shutil.rmtree(parts)
