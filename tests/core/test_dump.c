/* What others of the same user get to see of a process with keys. */
#include "core/dump.h"

#include <criterion/criterion.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

Test(dump, is_forbidden_to_the_process_and_what_it_forks_until_exec)
{
    int status = -1;
    cr_assert_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 1);
    dump_forbid();
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    cr_skip_test("the sanitizers look at the process from another one");
#endif
    cr_assert_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
    pid_t pid = fork();
    if (pid == 0)
        _exit(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0));
    cr_assert(waitpid(pid, &status, 0) == pid && status == 0);
}
