/* The steps of opening the home, for home.c: directory and lock, identity, store.
 *
 * Each fills the try's error and leaves what it has in the try. */
#ifndef AGENT_HOME_TRY_H
#define AGENT_HOME_TRY_H

#include "agent/home.h"

enum { HOME_PATH = 4096 };

/* Make the data directory and lock it. */
int home_open_directory(struct home_try *t);
/* Read the identity; where there is none, write the try's. */
int home_open_identity(struct home_try *t);
/* Open the store for writing, where there is room for that, with its epoch; set a damaged one aside. */
int home_open_store(struct home_try *t);

int home_epoch_read(struct store *store, uint64_t *ret_epoch, struct err *err);
int home_store_aside(const char *data_dir, uint64_t at_unix_ms, struct err *err);
void home_store_path(const char *data_dir, char out[HOME_PATH]);

#endif
