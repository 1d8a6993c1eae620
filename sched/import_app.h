/* One Marathon app as the text of one job; import_marathon.c walks the file and finds
 * them. */
#ifndef SCHED_IMPORT_APP_H
#define SCHED_IMPORT_APP_H

#include "core/doc.h"
#include "core/ids.h"

struct app_import {
    struct arena *arena;
    struct complaints *notes;
    const char *id;       /* absolute: "/prod/shop/web" */
    const char *ns, *job; /* what it is called here */
};

/* *ret_text: the job's keys as YAML, or NULL with a note when the app names no command
 * that could run without its image.  0 or -ENOMEM. */
int import_app(const struct app_import *import, const struct doc *app, char **ret_text);

/* ---- its network side (import_net.c) ---- */

struct yaml_text;

struct app_port {
    char name[NAME_LEN_MAX + 1];
    const char *protocol;
    uint16_t number;       /* on the host; 0 = dynamic */
    uint16_t check_number; /* as a health check's `port` would name it; 0 = none */
    const char *comment;   /* NULL = none */
};

struct app_ports {
    struct app_port list[PORTS_MAX];
    size_t n;
};

void import_ports(const struct app_import *import, const struct doc *app,
                  struct app_ports *ret_ports);
void import_ports_write(const struct app_ports *ports, struct yaml_text *out);
void import_health_write(const struct app_import *import, const struct doc *app,
                         const struct app_ports *ports, struct yaml_text *out);

/* ---- small readers both use ---- */

/* The text of a scalar member, or NULL. */
const char *import_text(const struct doc *map, const char *key);
/* A non-negative number; `fallback` when absent or not one. */
double import_number(const struct doc *map, const char *key, double fallback);
/* Seconds as milliseconds, kept within `min` and what a job file may say. */
uint32_t import_ms(const struct doc *map, const char *key, double fallback_s,
                   uint32_t min);
/* A DNS label made of any text: lower case, other characters become '-'.  False when
 * nothing is left. */
bool import_label(const char *text, size_t len, char ret_label[static NAME_LEN_MAX + 1]);

#endif
