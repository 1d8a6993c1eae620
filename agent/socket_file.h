/* The unix socket's place: its folder, and who may open it (0660, root and the group `stratos`). */
#ifndef AGENT_SOCKET_FILE_H
#define AGENT_SOCKET_FILE_H

#include "core/err.h"

/* Make the folder of the socket `path`, 0755, where it is missing. */
int socket_file_make_place(const char *path, struct err *err);
/* Give the bound socket to the group `stratos`, if this host has one and we are root. */
int socket_file_share(const char *path, struct err *err);

#endif
