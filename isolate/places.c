/* See places.h; isolate/sandbox.c makes it so. */
#include "isolate/places.h"

#include <string.h>

static const char *const private_places[] = {"/tmp", "/var/tmp", "/dev", "/etc/stratos",
                                             "/run/stratos"};

static bool is_within(const char *path, const char *place)
{
    size_t len = strlen(place);
    return len > 1 && strncmp(path, place, len) == 0 &&
           (path[len] == '/' || path[len] == '\0');
}

const char *places_hide(const struct shim_launch *l, const char *path)
{
    if (is_within(path, l->dir))
        return NULL;
    for (size_t i = 0; i < sizeof(private_places) / sizeof(private_places[0]); i++)
        if (is_within(path, private_places[i]))
            return private_places[i];
    for (size_t i = 0; i < l->n_hidden; i++)
        if (is_within(path, l->hidden[i]))
            return l->hidden[i];
    return is_within(path, l->data_dir) ? l->data_dir : NULL;
}

const char *places_program(const struct shim_launch *l)
{
    for (size_t i = 0; i < l->n_env; i++)
        if (strcmp(l->env[i].key, "STRATOS_BIN") == 0 && l->env[i].value[0] == '/')
            return l->env[i].value;
    return NULL;
}
