/* A directory in memory, for what a library insists on writing somewhere and nobody reads. */
#ifndef CORE_RAM_DIR_H
#define CORE_RAM_DIR_H

#include <stdbool.h>
#include <stdint.h>

enum { RAM_DIR_TEXT = 64 };

/* Make one that only we can enter, named after `owner`: what an owner that was killed left there is
 * used again.  False: there is no place for it with `room_bytes` free. */
bool ram_dir_make(uint64_t owner, uint64_t room_bytes, char ret_path[RAM_DIR_TEXT]);
/* Remove it with the files in it; whoever has one open keeps it. */
void ram_dir_remove(const char *path);

#endif
