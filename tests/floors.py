#!/usr/bin/env python3
"""Who uses whom, folder by folder.  The rules are in TREE/tests/floors/rules.

    tests/floors.py TREE OBJECTS [DOING...]

TREE is the root of the sources, OBJECTS the folder where each of them lies compiled, and headers that are
made under gen, DOING what the Makefile calls files that do (as core/log or gossip/uv_%).  By include and
by symbol no arrow goes up, or across to another folder of the same floor; files of one folder do not use
each other in a circle; a header of others stays behind its door; what a rule names is there.  Prints the
arrows between folders, and each breach with its place; exits with 1 when there is one.
"""
import collections
import fnmatch
import os
import re
import subprocess
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
OWN_FILES = 99  # files of a folder stand above its wings
breaches = []


def breach(text):
    breaches.append(text)


class Rules:
    """The lines of tests/floors/rules."""

    def __init__(self, path):
        self.floor, self.faces, self.only, self.doors, self.circles, self.owned = {}, {}, {}, [], [], []
        for line in open(path):
            kind, *words = line.split('#')[0].split() or ['']
            if kind == 'floor':
                floor, _, wing = words[1].partition('.')
                self.floor[words[0]] = (int(floor), int(wing) if wing else OWN_FILES)
            elif kind == 'face':
                self.faces[words[0]] = words[1:]
            elif kind == 'only':
                self.only[words[0]] = words[1:]
            elif kind == 'door':
                self.doors.append((re.compile(words[0]), words[1:]))
            elif kind == 'own' and len(words) > 2:
                self.owned.append((words[0], words[1], words[2:]))
            elif kind == 'circle' and words[1].endswith(':') and len(words) > 2:
                self.circles.append((words[0], words[1][:-1]))
            elif kind:
                breach(f'{path}: cannot read "{line.strip()}": kinds of rules are floor, face, only, door, own and '
                       'circle FROM TO: REASON')

    def room(self, path):
        """The folder or wing of a file."""
        return os.path.dirname(path)

    def wrong_way(self, source, target):
        """Why an arrow from the one file to the other must not be, or None."""
        here, there = self.room(source), self.room(target)
        if here == there:
            return None
        (floor, wing), (their_floor, their_wing) = self.floor[here], self.floor[there]
        is_same_folder = here.split('/')[0] == there.split('/')[0]
        if their_floor > floor or (is_same_folder and their_wing > wing):
            return 'which is on a higher floor'
        if floor == their_floor and (not is_same_folder or wing == their_wing):
            return f'but {here} and {there} do not know each other'
        return None


def sources(tree, rules):
    """All our sources, by their path from the root."""
    found = []
    for folder in sorted({room.split('/')[0] for room in rules.floor}):
        for at, _, names in sorted(os.walk(os.path.join(tree, folder))):
            room = os.path.relpath(at, tree)
            names = sorted(name for name in names if name.endswith(('.c', '.h')))
            if names and room not in rules.floor:
                breach(f'{room}: has no floor; give it one in tests/floors/rules')
                continue
            found += [f'{room}/{name}' for name in names]
    return found


def look_at_includes(tree, objects, rules, files):
    arrows = collections.Counter()
    for path in files:
        text = open(os.path.join(tree, path), errors='replace').read()
        for mark, header in INCLUDE.findall(text):
            is_own = mark == '"' and not header.endswith('.pb-c.h')
            if not is_own:
                for door, allowed in rules.doors:
                    if door.fullmatch(header) and not any(fnmatch.fnmatch(path, one) for one in allowed):
                        breach(f'{path}: includes {header}, which stays behind another door')
            elif header not in files and not os.path.exists(os.path.join(objects, 'gen', header)):
                breach(f'{path}: includes "{header}", which is not written from the root')
            else:
                arrows[rules.room(path), rules.room(header)] += 1
                why = rules.wrong_way(path, header) or wrong_face(rules, path, header)
                if why:
                    breach(f'{path}: includes "{header}", {why}')
    return arrows


def wrong_face(rules, path, header):
    here, there = path.split('/')[0], header.split('/')[0]
    if here != there and here in rules.only.get(there, []) and header not in rules.faces[there]:
        return f"which is not one of {there}'s faces"
    return None


def symbols(objects, files):
    """What each source defines and needs: {path: set}, twice."""
    defines, needs = collections.defaultdict(set), collections.defaultdict(set)
    of = {}
    for path in files:
        if path.endswith('.c'):
            compiled = os.path.join(objects, path[:-2] + '.o')
            if os.path.exists(compiled):
                of[compiled] = path
            else:
                breach(f'{path}: is not compiled in {objects}; build first')
    if not of:
        return defines, needs
    listed = subprocess.run(['nm', '--extern-only', '--print-file-name', '--format=posix', *of], check=True,
                            capture_output=True, text=True).stdout
    for line in listed.splitlines():
        place, _, rest = line.partition(': ')
        name, kind = rest.split()[:2]
        (needs if kind in 'Uvw' else defines)[of[place]].add(name)
    return defines, needs


def look_at_symbols(objects, rules, files):
    defines, needs = symbols(objects, files)
    home = {name: path for path, names in defines.items() for name in names}
    uses = {path: {} for path in files if path.endswith('.c')}
    for path, names in needs.items():
        for name in sorted(names):
            target = home.get(name)
            if not target or target == path:
                continue
            uses[path].setdefault(target, name)
            why = rules.wrong_way(path, target)
            if why:
                breach(f'{path}: uses {name} of {target}, {why}')
    look_for_circles(rules, uses)
    return sum(len(targets) for targets in uses.values())


def look_for_circles(rules, uses):
    found = circles(uses, rules.circles)
    for circle in found:
        breach('these files use each other in a circle:')
        for path in sorted(circle):
            for target, name in sorted(uses[path].items()):
                if target in circle and (path, target) not in rules.circles:
                    breach(f'    {path} -> {target} by {name}')
    for source, target in rules.circles:
        line = f'tests/floors/rules: circle {source} {target}:'
        if target not in uses.get(source, {}):
            breach(f'{line} there is no such arrow; take the line out')
        elif circles(uses, [one for one in rules.circles if one != (source, target)]) == found:
            breach(f'{line} it closes no circle; take the line out')


def circles(uses, left_out):
    """Sets of files of one folder or wing of which each reaches each other (Tarjan 1972)."""
    order, low, stack, found = {}, {}, [], []

    def visit(path):
        order[path] = low[path] = len(order)
        stack.append(path)
        for target in uses[path]:
            if os.path.dirname(target) != os.path.dirname(path) or (path, target) in left_out:
                continue
            if target not in order:
                visit(target)
                low[path] = min(low[path], low[target])
            elif target in stack:
                low[path] = min(low[path], order[target])
        if low[path] == order[path]:
            at = stack.index(path)
            if len(stack) - at > 1:
                found.append(set(stack[at:]))
            del stack[at:]

    for path in sorted(uses):
        if path not in order:
            visit(path)
    return found


def look_at_owners(tree, rules, files):
    """A member of the struct that `NAME->` leads to is written, or pointed to for writing, by its owners alone."""
    for folder, member, owners in rules.owned:
        holder, _, member = member.partition('->')
        at = rf'\b{holder}->{member}\b(?:\.\w+|->\w+|\[[^\]]*\])*'
        writes = re.compile(rf'(?:{at}\s*(?:=(?!=)|\+\+|--|[-+*/|&^]=|<<=|>>=))|(?:(?:\+\+|--){at})|'
                            rf'(?:mem(?:set|move|cpy)\(&?{at})|(?:^\s*struct \w+ \*\w+ = &{at};)', re.M)
        for path in files:
            if not path.startswith(folder + '/') or any(fnmatch.fnmatch(path, one) for one in owners):
                continue
            text = open(os.path.join(tree, path), errors='replace').read()
            for found in writes.finditer(text):
                line = text.count('\n', 0, found.start()) + 1
                breach(f'{path}:{line}: writes {holder}->{member}, which is the state of {", ".join(owners)}')


def look_at_names(rules, files, doing):
    """A name in a rule that fits no file hides what it once kept."""
    for door, allowed in rules.doors:
        for one in allowed:
            if not fnmatch.filter(files, one):
                breach(f'tests/floors/rules: door {door.pattern} names {one}, which fits no file')
    for name in doing:
        if not fnmatch.filter(files, name.replace('%', '*') + '.c'):
            breach(f'Makefile: DOING names {name}, which fits no file')
    for folder, member, owners in rules.owned:
        for one in owners:
            if not fnmatch.filter(files, one):
                breach(f'tests/floors/rules: own {folder} {member} names {one}, which fits no file')
    for folder, faces in rules.faces.items():
        for face in faces:
            if face not in files:
                breach(f'tests/floors/rules: face {folder} names {face}, which is not there')


def main(tree, objects, *doing):
    sys.setrecursionlimit(10000)
    rules = Rules(os.path.join(tree, 'tests/floors/rules'))
    files = sources(tree, rules)
    arrows = look_at_includes(tree, objects, rules, files)
    n_uses = look_at_symbols(objects, rules, files)
    look_at_owners(tree, rules, files)
    look_at_names(rules, files, doing)
    for room in sorted(rules.floor, key=lambda room: (rules.floor[room], room)):
        print(f'{room:<8} ->', *(f'{there}({n})' for (here, there), n in sorted(arrows.items()) if here == room))
    for line in breaches:
        print(line)
    if not breaches:
        print(f'{len(files)} files, {n_uses} arrows by symbol: none goes up, none closes a circle'
              + (f', {len(rules.circles)} left out of the circles' if rules.circles else ''))
    return 1 if breaches else 0


if __name__ == '__main__':
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
