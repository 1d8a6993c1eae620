/* Names of the domain's enums, as the JSON contract spells them. */
#include "core/cluster.h"

#include <string.h>

const char *member_state_name(enum member_state state)
{
    static const char *const names[] = {"alive", "suspect", "dead", "left"};
    return names[state];
}

const char *disk_state_name(enum disk_state state)
{
    static const char *const names[] = {"ok", "full", "broken"};
    return names[state];
}

const char *instance_state_name(enum instance_state state)
{
    static const char *const names[] = {"pending",  "starting", "running", "stopping",
                                        "finished", "failed",   "lost"};
    return names[state];
}

const char *health_name(enum health health)
{
    static const char *const names[] = {"none", "unknown", "passing", "failing"};
    return names[health];
}

const char *node_attribute(const struct node_doc *node, const char *name)
{
    for (size_t i = 0; i < node->n_attributes; i++)
        if (strcmp(node->attributes[i].key, name) == 0)
            return node->attributes[i].value;
    return NULL;
}

bool node_runs_tasks(const struct node_doc *node)
{
    const char *tasks = node_attribute(node, ATTRIBUTE_TASKS);
    return !tasks || strcmp(tasks, "none") != 0;
}

bool claim_is_healthy(enum instance_state state, enum health health)
{
    return state == INSTANCE_RUNNING &&
           (health == HEALTH_NONE || health == HEALTH_PASSING);
}

bool born_differs(uint64_t a, uint64_t b)
{
    return a != 0 && b != 0 && a != b;
}

uint64_t control_tried_at(const struct control_doc *doc)
{
    return doc->restart_at > doc->retry_at ? doc->restart_at : doc->retry_at;
}
