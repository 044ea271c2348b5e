# SPDX-License-Identifier: MIT
"""Type into a program on a terminal of its own, and wait for what it shows.

    terminal.py COMMAND... <<'END'
    see TEXT        wait until the text has come, behind what was seen before
    send KEYS       type; \\t, \\r, \\x03 as in Python
    signal NAME     send the signal, such as SIGCONT
    until KEYS|…|TEXT  type these, and all again, until the text has come: what is typed before Ctrl-C
                    may be lost by it
    end STATUS      wait until the program has ended so
    END

Escape sequences and carriage returns do not count. What came is printed when something else did, or did not.
"""
import os
import pty
import re
import select
import signal
import sys
import time

PATIENCE = 60  # seconds, for what should come at once


class Terminal:
    def __init__(self, command):
        self.text, self.at, self.over = "", 0, False
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM="xterm", COLUMNS="100", LINES="40")
            os.execvp(command[0], command)

    def read(self, seconds):
        if self.over or not select.select([self.fd], [], [], seconds)[0]:
            return
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            data = b""
        self.over = not data
        text = re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>])", "", data.decode(errors="replace"))
        self.text += text.replace("\r", "")

    def see(self, text, seconds=PATIENCE):
        end = time.monotonic() + seconds
        while text not in self.text[self.at :]:
            if time.monotonic() > end or self.over:
                return False
            self.read(0.2)
        self.at = self.text.index(text, self.at) + len(text)
        return True

    def send(self, keys):
        os.write(self.fd, keys.encode().decode("unicode_escape").encode())
        return True

    def signal(self, name):
        os.kill(self.pid, signal.Signals[name])
        return True

    def until(self, words):
        *keys, text = words.split("|")
        for _ in range(PATIENCE):
            for key in keys:
                if self.send(key) and self.see(text, 0.3 if key != keys[-1] else 3):
                    return True
        return False

    def end(self, status):
        end = time.monotonic() + PATIENCE
        while not self.over:
            if time.monotonic() > end:
                return False
            self.read(0.2)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]) == int(status)


def main(command):
    terminal = Terminal(command)
    for line in sys.stdin.read().splitlines():
        word, _, rest = line.partition(" ")
        if not getattr(terminal, word)(rest):
            print(f"not so: {line}", "---", terminal.text, sep="\n")
            os.kill(terminal.pid, signal.SIGKILL)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
