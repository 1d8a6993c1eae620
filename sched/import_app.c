/* One Marathon app (docs: "App JSON", v2 API) into one job, key by key.
 *
 * What a job file can say is carried over; what it cannot is told at its own place, in the report and
 * as a comment above the part of the job where it would stand. */
#include "sched/import_app.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- keys ---- */

static const struct import_key app_keys[] = {
    {"id", NULL, NULL},
    {"cmd", NULL, NULL},
    {"args", NULL, NULL},
    {"cpus", NULL, NULL},
    {"mem", NULL, NULL},
    {"instances", NULL, NULL},
    {"env", NULL, NULL},
    {"ports", NULL, NULL},
    {"portDefinitions", NULL, NULL},
    {"requirePorts", NULL, NULL},
    {"container", NULL, NULL},
    {"healthChecks", NULL, NULL},
    {"readinessChecks", NULL, NULL},
    {"labels", NULL, NULL},
    {"constraints", NULL, NULL},
    {"backoffSeconds", NULL, NULL},
    {"backoffFactor", NULL, NULL},
    {"maxLaunchDelaySeconds", NULL, NULL},
    {"taskKillGracePeriodSeconds", NULL, NULL},
    {"upgradeStrategy", NULL, NULL},
    {"user", NULL, NULL},
    /* what the API adds of its own: no wish of anybody's */
    {"version", NULL, NULL},
    {"versionInfo", NULL, NULL},
    {"$schema", NULL, NULL},
    {"tasks", NULL, NULL},
    {"tasksRunning", NULL, NULL},
    {"tasksStaged", NULL, NULL},
    {"tasksHealthy", NULL, NULL},
    {"tasksUnhealthy", NULL, NULL},
    {"taskStats", NULL, NULL},
    {"deployments", NULL, NULL},
    {"lastTaskFailure", NULL, NULL},
    {"readinessCheckResults", NULL, NULL},
    /* what is not here */
    {"uris", "put these files on the nodes, or have the command download them", NULL},
    {"fetch", "put these files on the nodes, or have the command download them", NULL},
    {"storeUrls", "put these files on the nodes, or have the command download them",
     NULL},
    {"disk", "disk space is not limited by this version", NULL},
    {"gpus",
     "GPUs are not counted by this version; use a constraint on a node's attribute",
     NULL},
    {"networkBandwidth", "bandwidth is not counted by this version", NULL},
    {"dependencies",
     "jobs start together and are restarted until what they need is there", NULL},
    {"acceptedResourceRoles", "use a constraint on a node's attribute", "*"},
    {"role", "use a namespace", "*"},
    {"secrets", "secrets are not supported by this version", NULL},
    {"ipAddress", "tasks use the host's network", NULL},
    {"networks", "tasks use the host's network", NULL},
    {"residency", "volumes are not supported by this version", NULL},
    {"unreachableStrategy", "the work of a node that is gone moves by itself",
     "disabled"},
    {"killSelection", "an update begins with the first index", "YOUNGEST_FIRST"},
    {"resourceLimits", "write limits: {cpu: ...}; resources.memory is a cap already",
     NULL},
    {"executor", "there is one way to run a task", NULL},
    {"executorResources", "there is one way to run a task", NULL},
    {"tty", "a task has no terminal", NULL},
    {0}};

static const struct import_key container_keys[] = {
    {"type", NULL, NULL},
    {"docker", NULL, NULL},
    {"appc", NULL, NULL},
    {"portMappings", NULL, NULL},
    {"volumes",
     "volumes are not supported by this version; of the host's paths a task reads most "
     "and "
     "writes few, docs/ISOLATION.md says which",
     NULL},
    {"linuxInfo", "a task's isolation is the same for all", NULL},
    {0}};

static const struct import_key docker_keys[] = {
    {"image", NULL, NULL},
    {"portMappings", NULL, NULL},
    {"network", "tasks use the host's network", "HOST"},
    {"parameters", "it configures Docker", NULL},
    {"privileged", "it configures Docker; a task has no privileges here", NULL},
    {"forcePullImage", "there is no image", NULL},
    {"credential", "there is no image", NULL},
    {"pullConfig", "there is no image", NULL},
    {0}};

/* networks: [{mode: host}] says what holds anyway. */
static bool is_host_network(const struct doc *networks)
{
    const struct doc *first =
        networks && networks->kind == DOC_LIST ? networks->child : NULL;
    const struct doc *mode = first && !first->next ? doc_find(first, "mode") : NULL;
    return mode && first->n == 1 && mode->kind == DOC_SCALAR &&
           strcmp(mode->text, "host") == 0;
}

static void tell_keys(struct app_import *import, const struct doc *app)
{
    struct doc own = *app;
    struct doc *copies = arena_array(import->arena, app->n + 1, sizeof(*copies));
    size_t n = 0;
    for (const struct doc *v = app->child; copies && v; v = v->next)
        if (strcmp(v->key, "networks") != 0 || !is_host_network(v))
            copies[n++] = *v;
    for (size_t i = 0; copies && i < n; i++)
        copies[i].next = i + 1 < n ? &copies[i + 1] : NULL;
    own.child = n > 0 ? copies : NULL;
    import_keys(import, &own, "", app_keys);
    const struct doc *container = import_get(app, "container");
    import_keys(import, container, "container", container_keys);
    if (container && container->kind == DOC_MAP)
        import_keys(import, import_get(container, "docker"), "container.docker",
                    docker_keys);
}

/* ---- labels ---- */

static void write_labels(struct app_import *import, const struct doc *app,
                         struct yaml_text *out)
{
    const struct doc *labels = import_map(import, app, "labels");
    size_t n = 0;
    for (const struct doc *v = labels ? labels->child : NULL; v; v = v->next) {
        if (v->kind != DOC_SCALAR || import_is_null(v)) {
            import_say(import, IMPORT_ERROR, v, "labels.%.64s wants a text", v->key);
            continue;
        }
        if (!*v->key || strlen(v->key) > KEY_TEXT_MAX || n == LABELS_MAX) {
            import_say(
                import, IMPORT_DROPPED, v,
                "labels.%.64s is not carried over: a job has at most %d labels, each "
                "with a name of at most %d bytes",
                v->key, LABELS_MAX, KEY_TEXT_MAX);
            continue;
        }
        yaml_add(out, n++ ? "  " : "labels:\n  ");
        yaml_scalar(out, v->key);
        yaml_add(out, ": ");
        yaml_scalar(out, v->text);
        yaml_add(out, "\n");
    }
}

/* ---- all of it ---- */

/* A part of the job's text, and what is told of it. */
struct part {
    struct yaml_text comments, text;
};

static void add_part(const struct part *part, struct yaml_text *out)
{
    if (part->comments.at)
        yaml_indented(out, "", part->comments.at);
    if (part->text.at)
        yaml_indented(out, "", part->text.at);
    out->is_failed = out->is_failed || part->text.is_failed || part->comments.is_failed;
}

static void write_name(const struct app_import *import, struct yaml_text *out)
{
    yaml_add(out, "job: ");
    yaml_scalar(out, import->job);
    yaml_add(out, "\n");
    if (import->ns) {
        yaml_add(out, "namespace: ");
        yaml_scalar(out, import->ns);
        yaml_add(out, "\n");
    }
}

enum { HEAD, TASK, PORTS, HEALTH, REST, PARTS };

/* Health before ports, as a check may add one; both before the environment, which speaks of them. */
static void write_parts(struct app_import *import, const struct doc *app,
                        struct part parts[static PARTS])
{
    struct app_ports ports;
    write_name(import, &parts[HEAD].text);
    uint32_t count = import_whole(import, app, "instances", 1, 0, INSTANCES_PER_JOB_MAX);
    yaml_add(&parts[HEAD].text, "count: %u  # instances\n", count);
    write_labels(import, app, &parts[HEAD].text);
    import_constraints_write(import, app, &parts[HEAD].text);
    import_comments(import, "", &parts[HEAD].comments);
    yaml_add(&parts[TASK].text, "task:\n");
    if (!import_command_write(import, app, &parts[TASK].text))
        import->is_refused = true;
    import_comments(import, "", &parts[TASK].comments);
    import_ports(import, app, &ports);
    import_comments(import, "", &parts[PORTS].comments);
    import_health_write(import, app, &ports, &parts[HEALTH].text);
    import_comments(import, "", &parts[HEALTH].comments);
    import_ports_write(&ports, &parts[PORTS].text);
    import_env_write(import, app, &ports, &parts[TASK].text);
    import_resources_write(import, app, &parts[TASK].text);
    import_comments(import, "", &parts[TASK].comments);
    import_restart_write(import, app, &parts[REST].text);
    import_update_write(import, app, count, ports.n > 0, &parts[REST].text);
    tell_keys(import, app);
    import_comments(import, "", &parts[REST].comments);
}

int import_app(struct app_import *import, const struct doc *app, char **ret_text)
{
    struct part parts[PARTS];
    struct yaml_text out = {.arena = import->arena};
    *ret_text = NULL;
    for (size_t i = 0; i < PARTS; i++)
        parts[i].comments = parts[i].text = (struct yaml_text){.arena = import->arena};
    import->n_commented = import->report->n;
    write_parts(import, app, parts);
    for (size_t i = 0; i < PARTS; i++)
        add_part(&parts[i], &out);
    if (out.is_failed || import->report->is_failed)
        return -ENOMEM;
    *ret_text = import->is_refused ? NULL : out.at;
    return 0;
}
