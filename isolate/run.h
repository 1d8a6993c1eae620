/* Running a program by its name: execvp with one meaning, whichever C library this is built with. */
#ifndef ISOLATE_RUN_H
#define ISOLATE_RUN_H

/* Look for argv[0] in the PATH of `envp`, unless it names a place.  A script without its first line is
 * /bin/sh's, and then argv[-1] is written to.  -errno; does not return otherwise. */
int run_program(char *argv[], char *const envp[]);

#endif
