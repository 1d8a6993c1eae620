/* The user and service databases of the C library, as a static binary must see them: empty.
 *
 * libuv and c-ares refer to three look-ups that we never ask for (a home directory, a service by
 * name or by port).  glibc's own would load the host's NSS modules at run time, which a static
 * binary must not do: they belong to another glibc.  These definitions take their place where we
 * link statically, so that no NSS code is linked at all; tests/static.sh proves it.  Both
 * libraries take the answer for "not known" and go on with numbers. */
#include <errno.h>
#include <netdb.h>
#include <pwd.h>
#include <stddef.h>

int getpwuid_r(uid_t uid, struct passwd *entry, char *buf, size_t buf_len,
               struct passwd **ret_entry)
{
    (void)uid, (void)entry, (void)buf, (void)buf_len;
    *ret_entry = NULL;
    return ENOSYS;
}

struct servent *getservbyname(const char *name, const char *protocol)
{
    (void)name, (void)protocol;
    return NULL;
}

int getservbyport_r(int port, const char *protocol, struct servent *entry, char *buf,
                    size_t buf_len, struct servent **ret_entry)
{
    (void)port, (void)protocol, (void)entry, (void)buf, (void)buf_len;
    *ret_entry = NULL;
    return ENOSYS;
}
