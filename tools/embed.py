#!/usr/bin/env python3
"""Write text files as C strings: embed.py OUTPUT.c NAME=FILE..."""
import sys


def main():
    output, *pairs = sys.argv[1:]
    with open(output, "w", encoding="utf-8") as out:
        for pair in pairs:
            name, path = pair.split("=", 1)
            with open(path, encoding="utf-8") as f:
                lines = f.read().splitlines(keepends=True)
            out.write(f"extern const char {name}[];\nconst char {name}[] =\n")
            for line in lines:
                text = line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
                out.write(f'    "{text}"\n')
            out.write("    ;\n")


main()
