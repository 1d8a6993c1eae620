"""Each check of tests/floors.py fails once: small trees with one planted breach each.

    python3 tests/floors/test_floors.py        closes as unittest does
"""
import os
import shutil
import subprocess
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
RULES = '''floor core 0
floor left 1
floor right 1
floor top 2
floor top/low 2.1
floor top/high 2.2
face left left/face.h
only left top
door uv\\.h right/uv_*
'''
SOUND = {
    'core/word.h': 'int word(void);\n',
    'core/word.c': '#include "core/word.h"\nint word(void) { return 1; }\n',
    'left/face.h': 'int face(void);\n',
    'left/face.c': '#include "left/face.h"\n#include "core/word.h"\nint face(void) { return word(); }\n',
    'left/inner.h': 'int inner(void);\n',
    'right/uv_door.c': 'int uv_door(void);\nint uv_door(void) { return 2; }\n',
    'top/low/floor.h': 'int low(void);\n',
    'top/low/floor.c': '#include "top/low/floor.h"\nint low(void) { return 3; }\n',
    'top/high/floor.h': 'int high(void);\n',
    'top/high/floor.c': '#include "top/high/floor.h"\n#include "top/low/floor.h"\nint high(void) { return low(); }\n',
    'top/all.c': '#include "left/face.h"\n#include "top/high/floor.h"\nint all(void);\nint all(void) { return face() + high(); }\n',
}
CIRCLE = {
    'core/a.c': 'int a(int n), b(int n);\nint a(int n) { return n ? b(n - 1) : 0; }\n',
    'core/b.c': 'int a(int n), b(int n);\nint b(int n) { return n ? a(n - 1) : 0; }\n',
}


def plant(tree, files):
    """Write the files and compile them where they lie."""
    for path, text in files.items():
        at = os.path.join(tree, path)
        os.makedirs(os.path.dirname(at), exist_ok=True)
        with open(at, 'w') as out:
            out.write(text)
        if path.endswith('.c') and 'is not compiled' not in text:
            subprocess.run(['cc', '-w', '-c', '-o', at[:-2] + '.o', '-I' + tree, at], check=True)


class Planted(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sound = tempfile.TemporaryDirectory()
        plant(cls.sound.name, SOUND)

    @classmethod
    def tearDownClass(cls):
        cls.sound.cleanup()

    def look(self, planted=None, rules='', doing=()):
        """The exit status and what is printed for the sound tree with these files and rules added."""
        with tempfile.TemporaryDirectory() as tree:
            shutil.copytree(self.sound.name, tree, dirs_exist_ok=True)
            plant(tree, {**(planted or {}), 'tests/floors/rules': RULES + rules})
            done = subprocess.run([os.path.join(HERE, '..', 'floors.py'), tree, tree, *doing],
                                  capture_output=True, text=True)
            return done.returncode, done.stdout + done.stderr

    def refused(self, sentence, *args, **kwargs):
        status, said = self.look(*args, **kwargs)
        self.assertIn(sentence, said)
        self.assertEqual(status, 1, said)

    def test_a_sound_tree_passes(self):
        status, said = self.look(doing=['right/uv_%'])
        self.assertEqual(status, 0, said)

    def test_a_part_that_another_writes(self):
        rule = 'own left g->part left/owner.c\n'
        struct = 'struct g { struct { int n, list[2]; } part; };\n'
        owner = {'left/owner.c': struct + 'void own(struct g *g);\nvoid own(struct g *g) { g->part.n = 1; }\n'}
        reads = 'int other(struct g *g);\nint other(struct g *g) { return g->part.n == 1; }\n'
        self.assertEqual(self.look({**owner, 'left/other.c': struct + reads}, rule)[0], 0)
        for write in ('g->part.n = 2', 'g->part.list[1]++', '--g->part.n', 'g->part.n |= 2',
                      'memset(&g->part, 0, sizeof(g->part))'):
            text = struct + 'void other(struct g *g);\nvoid other(struct g *g)\n{\n    ' + write + ';\n}\n'
            self.refused('left/other.c:5: writes g->part, which is the state of left/owner.c',
                         {**owner, 'left/other.c': text}, rule)
        self.refused('tests/floors/rules: own left g->part names left/gone.c, which fits no file', owner,
                     'own left g->part left/owner.c left/gone.c\n')

    def test_an_include_that_looks_up(self):
        self.refused('core/up.c: includes "left/face.h", which is on a higher floor',
                     {'core/up.c': '#include "left/face.h"\n'})

    def test_an_include_across_a_floor(self):
        self.refused('right/across.c: includes "left/face.h", but right and left do not know each other',
                     {'right/across.c': '#include "left/face.h"\n'})

    def test_an_include_from_a_low_wing_to_a_high_one(self):
        self.refused('top/low/up.c: includes "top/high/floor.h", which is on a higher floor',
                     {'top/low/up.c': '#include "top/high/floor.h"\n'})

    def test_an_include_past_a_face(self):
        self.refused("top/past.c: includes \"left/inner.h\", which is not one of left's faces",
                     {'top/past.c': '#include "left/inner.h"\n'})

    def test_an_include_that_is_not_from_the_root(self):
        self.refused('core/near.c: includes "word.h", which is not written from the root',
                     {'core/near.c': '#include "word.h"\n', 'word.h': ''})

    def test_a_header_that_is_made(self):
        status, said = self.look({'right/user.c': '#if 0\n#include "right/made.h"\n#endif\n', 'gen/right/made.h': ''})
        self.assertEqual(status, 0, said)
        self.refused('core/up.c: includes "left/made.h", which is on a higher floor',
                     {'core/up.c': '#if 0\n#include "left/made.h"\n#endif\n', 'gen/left/made.h': ''})

    def test_a_header_of_others_outside_its_door(self):
        self.refused('left/loop.c: includes uv.h, which stays behind another door',
                     {'left/loop.c': '#if 0\n#include <uv.h>\n#endif\n'})

    def test_a_symbol_that_lies_higher(self):
        self.refused('core/up.c: uses face of left/face.c, which is on a higher floor',
                     {'core/up.c': 'int face(void), up(void);\nint up(void) { return face(); }\n'})

    def test_a_symbol_across_a_floor(self):
        self.refused('right/across.c: uses face of left/face.c, but right and left do not know each other',
                     {'right/across.c': 'int face(void), up(void);\nint up(void) { return face(); }\n'})

    def test_a_symbol_of_a_higher_wing(self):
        self.refused('top/low/up.c: uses high of top/high/floor.c, which is on a higher floor',
                     {'top/low/up.c': 'int high(void), up(void);\nint up(void) { return high(); }\n'})

    def test_two_files_that_use_each_other(self):
        self.refused('core/a.c -> core/b.c by b', CIRCLE)

    def test_a_circle_may_be_left_out_with_its_reason(self):
        status, said = self.look(CIRCLE, 'circle core/b.c core/a.c: it is being cut\n')
        self.assertEqual(status, 0, said)

    def test_a_circle_left_out_without_a_reason(self):
        self.refused('cannot read "circle core/b.c core/a.c:"', CIRCLE, 'circle core/b.c core/a.c:\n')

    def test_a_circle_left_out_that_is_cut(self):
        self.refused('circle core/word.c core/gone.c: there is no such arrow',
                     rules='circle core/word.c core/gone.c: it was here once\n')

    def test_an_arrow_left_out_that_closes_no_circle(self):
        self.refused('circle left/face.c core/word.c: it closes no circle',
                     rules='circle left/face.c core/word.c: it is no circle\n')

    def test_a_door_for_a_file_that_is_gone(self):
        self.refused('door yaml\\.h names core/gone.c, which fits no file', rules='door yaml\\.h core/gone.c\n')

    def test_a_doing_file_that_is_gone(self):
        self.refused('DOING names core/gone, which fits no file', doing=['core/gone'])

    def test_a_face_that_is_gone(self):
        self.refused('face right names right/gone.h, which is not there', rules='face right right/gone.h\n')

    def test_a_folder_without_a_floor(self):
        self.refused('core/cellar: has no floor', {'core/cellar/low.c': 'int low_down;\n'})

    def test_a_source_that_is_not_compiled(self):
        self.refused('core/new.c: is not compiled', {'core/new.c': '/* is not compiled */\n'})


if __name__ == '__main__':
    unittest.main()
