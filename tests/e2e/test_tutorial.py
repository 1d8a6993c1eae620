"""docs/TUTORIAL.md, line by line: each command is typed as it stands, ends as it says, and prints what it shows."""

import os
import re
import subprocess
import tempfile
import unittest

from cluster import ROOT, STRATOS, needs_root

LIMIT_S = 240


def steps():
    """[(command, exit code, expected lines)] of the page's indented blocks."""
    found = []
    with open(os.path.join(ROOT, "docs/TUTORIAL.md")) as page:
        for line in page:
            if not line.startswith("    "):
                continue
            text = line[4:].rstrip("\n")
            if text.startswith("$ "):
                command, _, remark = text[2:].partition("    # ")
                code = re.match(r"ends with ([0-9]+)", remark)
                found.append((command, int(code.group(1)) if code else 0, []))
            else:
                found[-1][2].append(text)
    return found


def pattern(lines):
    """A line `...` is any lines; within one it is any text."""
    parts = []
    for line in lines:
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            parts.append(".*".join(re.escape(p) for p in line.split("...")) + r"[ \t]*\n")
    return re.compile("".join(parts) + r"\Z")


@needs_root
class Tutorial(unittest.TestCase):
    def test_every_line_does_what_the_page_says(self):
        todo = steps()
        self.assertGreater(len(todo), 20)
        with tempfile.TemporaryDirectory(prefix="stratos-tutorial.") as place:
            os.symlink(STRATOS, os.path.join(place, "stratos"))
            script = ['PATH="$PWD:$PATH"']
            for i, (command, _, _) in enumerate(todo):
                script += [f"{{ {command}\n}} 2>&1", f'printf "\\n@@%s %s\\n" {i} $?']
            self.addCleanup(lambda: subprocess.run([STRATOS, "dev", "--dir", place + "/tour", "--stop"], capture_output=True))
            done = subprocess.run(["bash", "-c", "\n".join(script)], cwd=place, capture_output=True, text=True,
                                  timeout=LIMIT_S, stdin=subprocess.DEVNULL)
        rest = done.stdout
        for i, (command, code, expected) in enumerate(todo):
            found = re.search(rf"(?s)\A(.*?)\n?\n@@{i} ([0-9]+)\n", rest)
            self.assertTrue(found, f"{command}: it did not get there: {rest[-500:]}{done.stderr}")
            said, rest = found.group(1), rest[found.end():]
            said = said + "\n" if said else ""
            self.assertEqual(int(found.group(2)), code, f"$ {command}\n{said}")
            if expected:
                self.assertTrue(pattern(expected).match(said),
                                f"$ {command}\n--- said\n{said}--- the page\n" + "\n".join(expected))


if __name__ == "__main__":
    unittest.main()
