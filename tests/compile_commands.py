#!/usr/bin/env python3
"""compile_commands.json, for editors and tools that read C.

    tests/compile_commands.py FILE...      the compiler and its flags, as a shell takes them, on stdin
"""
import json
import os
import shlex
import sys

command = shlex.split(sys.stdin.read())
with open('compile_commands.json', 'w') as out:
    json.dump([{'directory': os.getcwd(), 'file': file, 'arguments': [*command, '-c', file]}
               for file in sys.argv[1:]], out, indent=1)
