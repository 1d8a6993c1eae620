/* One Marathon app as the text of one job; import_marathon.c walks the file and finds
 * them. */
#ifndef SCHED_IMPORT_APP_H
#define SCHED_IMPORT_APP_H

#include "core/ids.h"
#include "sched/import_read.h"

/* *ret_text: the job's keys as YAML, or NULL when no job can be made of it; the report says why.
 * 0 or -ENOMEM. */
int import_app(struct app_import *import, const struct doc *app, char **ret_text);

/* ---- its command, environment and resources (import_task.c) ---- */

struct app_ports;

/* The task's keys.  False when there is nothing that this host could run. */
bool import_command_write(struct app_import *import, const struct doc *app,
                          struct yaml_text *out);
void import_env_write(struct app_import *import, const struct doc *app,
                      const struct app_ports *ports, struct yaml_text *out);
void import_resources_write(struct app_import *import, const struct doc *app,
                            struct yaml_text *out);

/* ---- where it runs and how it is replaced (import_place.c) ---- */

void import_constraints_write(struct app_import *import, const struct doc *app,
                              struct yaml_text *out);
void import_restart_write(struct app_import *import, const struct doc *app,
                          struct yaml_text *out);
void import_update_write(struct app_import *import, const struct doc *app, unsigned count,
                         bool has_ports, struct yaml_text *out);

/* ---- its network side (import_net.c, import_health.c) ---- */

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

void import_ports(struct app_import *import, const struct doc *app,
                  struct app_ports *ret_ports);
/* A fixed port for a check that names one the app does not have; NULL when there is no room. */
struct app_port *import_ports_fixed(struct app_ports *ports, uint16_t number);
void import_ports_write(const struct app_ports *ports, struct yaml_text *out);
/* To be called before the ports are written: a check may add one. */
void import_health_write(struct app_import *import, const struct doc *app,
                         struct app_ports *ports, struct yaml_text *out);

/* A DNS label made of any text: lower case, other characters become '-'.  False when
 * nothing is left. */
bool import_label(const char *text, size_t len, char ret_label[static NAME_LEN_MAX + 1]);

#endif
