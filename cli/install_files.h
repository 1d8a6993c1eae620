/* What `install` puts on a host: places, texts, and how a file gets there. */
#ifndef CLI_INSTALL_FILES_H
#define CLI_INSTALL_FILES_H

#include <stdbool.h>
#include <sys/types.h>

#include "core/bytes.h"
#include "core/err.h"

#define INSTALL_BIN "/usr/local/bin/stratos"
#define INSTALL_DIR "/etc/stratos"
#define INSTALL_SECRET INSTALL_DIR "/secret"
#define INSTALL_CONFIG INSTALL_DIR "/stratos.yaml"
#define INSTALL_UNIT "/etc/systemd/system/stratos.service"
#define INSTALL_PID "/run/stratos/agent.pid"
#define INSTALL_LOG "/var/log/stratos.log"
#define INSTALL_DATA "/var/lib/stratos"

enum { INSTALL_PATH_MAX = 1024, INSTALL_CONFIG_MAX = 4096 };

/* DESTDIR and the path. */
void install_path(const char *path, char out[static INSTALL_PATH_MAX]);
bool install_is_elsewhere(void); /* DESTDIR is set */

extern const char install_unit[];
/* stratos.yaml; `join` NULL: only as a comment. */
void install_config(const char *join, char out[static INSTALL_CONFIG_MAX]);

/* Under another name first, then into place; directories above are made (0755).  1: written, 0: it was
 * like that; negative: not written, and why. */
int install_put(const char *path, struct bytes content, mode_t mode, struct err *err);
/* This very program. */
int install_put_program(struct err *err);
/* 1: there is a secret now, 0: there was, the same; ERR_CONFLICT: another is there, and stays.  `from` NULL:
 * a new one where there is none. */
int install_put_secret(const char *from, struct err *err);
/* 1: it is gone, 0: it was not there. */
int install_remove(const char *path, struct err *err);

#endif
