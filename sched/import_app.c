/* One Marathon app (docs: "App JSON", v2 API) into one job, key by key.
 *
 * What a job file can say is carried over; what it cannot becomes a note at its own line.
 * Marathon's own defaults (1 cpu, 128 MiB) are written out, because ours differ. */
#include "sched/import_app.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sched/constraint.h"
#include "sched/yaml_text.h"

static void note(const struct app_import *import, const struct doc *value,
                 const char *what)
{
    complain(import->notes, value->key_line, value->key_column,
             "%s: %s is not carried over: %s", import->id, value->key, what);
}

/* Marathon hands texts on as they are, outside scripts. */
static void note_expansion(const struct app_import *import, const struct doc *value)
{
    if (strstr(value->text, "${"))
        complain(import->notes, value->line, value->column,
                 "%s: ${NAME} in '%.64s' stood for itself in Marathon; here it is "
                 "expanded when the task starts",
                 import->id, value->text);
}

/* ---- the command ---- */

/* `text` with every `from` replaced by `to`. */
static const char *replaced(struct arena *arena, const char *text, const char *from,
                            const char *to)
{
    const char *at = strstr(text, from);
    while (at) {
        size_t done = (size_t)(at - text) + strlen(to);
        text = arena_printf(arena, "%.*s%s%s", (int)(at - text), text, to,
                            at + strlen(from));
        at = text ? strstr(text + done, from) : NULL;
    }
    return text;
}

/* Commands written for a DC/OS host or for Python 2 name programs that today's hosts
 * lack. */
static const char *modernised(const struct app_import *import, const struct doc *at,
                              const char *text)
{
    static const struct {
        const char *from, *to, *why;
    } idioms[] = {
        {"/opt/mesosphere/bin/python3", "python3", "is of DC/OS hosts only"},
        {"/opt/mesosphere/bin/python", "python3", "is of DC/OS hosts only"},
        {"python3 -m SimpleHTTPServer", "python3 -m http.server",
         "is Python 2, which hosts no longer have"},
        {"python2.7 -m SimpleHTTPServer", "python3 -m http.server",
         "is Python 2, which hosts no longer have"},
        {"python2 -m SimpleHTTPServer", "python3 -m http.server",
         "is Python 2, which hosts no longer have"},
        {"python -m SimpleHTTPServer", "python3 -m http.server",
         "is Python 2, which hosts no longer have"},
        {"python -m http.server", "python3 -m http.server",
         "is called python3 on today's hosts"},
    };
    for (size_t i = 0; text && i < sizeof(idioms) / sizeof(idioms[0]); i++) {
        const char *after = replaced(import->arena, text, idioms[i].from, idioms[i].to);
        if (after != text)
            complain(import->notes, at->line, at->column,
                     "%s: '%s' became '%s': the former %s", import->id, idioms[i].from,
                     idioms[i].to, idioms[i].why);
        text = after;
    }
    return text;
}

/* The list form: ["python", "-m", "SimpleHTTPServer", ...] is one idiom, not words of
 * their own. */
static const char *modern_word(const struct app_import *import, const struct doc *word,
                               const struct doc *list)
{
    const struct doc *flag = list->child ? list->child->next : NULL,
                     *module = flag ? flag->next : NULL;
    bool is_server = module && flag->kind == DOC_SCALAR && module->kind == DOC_SCALAR &&
                     strcmp(flag->text, "-m") == 0 &&
                     strcmp(module->text, "SimpleHTTPServer") == 0;
    if (is_server && word == list->child)
        return "python3";
    if (is_server && word == module) {
        complain(import->notes, word->line, word->column,
                 "%s: Python 2's SimpleHTTPServer became python3 -m http.server",
                 import->id);
        return "http.server";
    }
    return modernised(import, word, word->text);
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

static void write_args(const struct app_import *import, const struct doc *args,
                       struct yaml_text *out)
{
    yaml_add(out, "  command:  # args\n");
    for (const struct doc *word = args->child; word; word = word->next) {
        const char *text =
            word->kind == DOC_SCALAR ? modern_word(import, word, args) : "";
        if (word->kind == DOC_SCALAR)
            note_expansion(import, word);
        yaml_add(out, "    - ");
        yaml_scalar(out, text ? text : "");
        yaml_add(out, "\n");
    }
}

static const struct doc *image_of(const struct doc *app)
{
    const struct doc *container = doc_find(app, "container");
    const struct doc *docker =
        container && container->kind == DOC_MAP ? doc_find(container, "docker") : NULL;
    const struct doc *image =
        docker && docker->kind == DOC_MAP ? doc_find(docker, "image") : NULL;
    return image && image->kind == DOC_SCALAR ? image : NULL;
}

/* False, with a note, when there is nothing this host could run. */
static bool write_command(const struct app_import *import, const struct doc *app,
                          struct yaml_text *out)
{
    const struct doc *cmd = doc_find(app, "cmd"), *args = doc_find(app, "args"),
                     *image = image_of(app);
    bool has_cmd = cmd && cmd->kind == DOC_SCALAR && !is_blank(cmd->text) &&
                   (cmd->is_quoted || strcmp(cmd->text, "null") != 0);
    bool has_args =
        args && args->kind == DOC_LIST && args->n && args->child->kind == DOC_SCALAR;
    if (image && !has_cmd) {
        complain(import->notes, image->key_line, image->key_column,
                 "%s: no job was made: its program is in the container image '%.128s', "
                 "and images are not "
                 "supported by this version; install the program on the nodes and write "
                 "a job with its command",
                 import->id, image->text);
        return false;
    }
    if (!has_cmd && !has_args) {
        complain(import->notes, app->line, app->column,
                 "%s: no job was made: it has neither cmd nor args", import->id);
        return false;
    }
    if (image)
        complain(import->notes, image->key_line, image->key_column,
                 "%s: image '%.128s' is not supported by this version: the command runs "
                 "on the host itself, "
                 "which must have what it needs",
                 import->id, image->text);
    if (has_cmd && has_args)
        note(import, args, "the app has a cmd as well");
    if (!has_cmd) {
        write_args(import, args, out);
        return true;
    }
    const char *text = modernised(import, cmd, cmd->text);
    yaml_add(out, "  command: ");
    yaml_scalar(out, text ? text : "");
    yaml_add(out, "\n");
    return true;
}

/* ---- the rest of the task ---- */

static bool write_variable(const struct app_import *import, const struct doc *value,
                           bool is_first, struct yaml_text *out)
{
    if (value->kind != DOC_SCALAR) {
        complain(import->notes, value->key_line, value->key_column,
                 "%s: variable %.64s is left out: its value is a secret of Marathon's, "
                 "and secrets are not "
                 "supported by this version",
                 import->id, value->key);
        return false;
    }
    if (!*value->key || strchr(value->key, '=') || strlen(value->key) > KEY_TEXT_MAX) {
        complain(import->notes, value->key_line, value->key_column,
                 "%s: variable '%.64s' is left out: no environment can hold that name",
                 import->id, value->key);
        return false;
    }
    note_expansion(import, value);
    yaml_add(out, is_first ? "  env:\n    " : "    ");
    yaml_scalar(out, value->key);
    yaml_add(out, ": ");
    yaml_scalar(out, value->text);
    yaml_add(out, "\n");
    return true;
}

/* Does a script use the variable: $NAME or ${NAME...}? */
static bool uses_variable(const char *script, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = strchr(script, '$'); at; at = strchr(at + 1, '$')) {
        const char *word = at[1] == '{' ? at + 2 : at + 1;
        if (strncmp(word, name, len) == 0 && word[len] != '_' &&
            !isalnum((unsigned char)word[len]))
            return true;
    }
    return false;
}

static void write_env(const struct app_import *import, const struct doc *app,
                      struct yaml_text *out)
{
    static const struct {
        const char *name, *value;
    } given[] = {{"HOST", "${STRATOS_ADDRESS}"},
                 {"MESOS_SANDBOX", "${STRATOS_DIR}"},
                 {"MARATHON_APP_ID", NULL}};
    const struct doc *env = doc_find(app, "env");
    const char *cmd = import_text(app, "cmd");
    bool is_first = true;
    for (const struct doc *v = env && env->kind == DOC_MAP ? env->child : NULL; v;
         v = v->next)
        is_first = !write_variable(import, v, is_first, out) && is_first;
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
        if (!cmd || !uses_variable(cmd, given[i].name) ||
            (env && doc_find(env, given[i].name)))
            continue;
        yaml_add(out, "%s    %s: ", is_first ? "  env:\n" : "", given[i].name);
        yaml_scalar(out, given[i].value ? given[i].value : import->id);
        yaml_add(out, "  # Marathon sets it, and the command uses it\n");
        is_first = false;
    }
}

/* MiB, maybe with a fraction, as the largest unit that fits. */
static void write_memory(double mib, struct yaml_text *out)
{
    if (mib < 1)
        mib = 1;
    if (mib > MEMORY_MIB_MAX)
        mib = MEMORY_MIB_MAX;
    unsigned long long kib = (unsigned long long)ceil(mib * 1024);
    if (kib % (1 << 20) == 0)
        yaml_add(out, "%lluG", kib >> 20);
    else if (kib % 1024 == 0)
        yaml_add(out, "%lluM", kib >> 10);
    else
        yaml_add(out, "%lluK", kib);
}

static void write_resources(const struct doc *app, struct yaml_text *out)
{
    double milli = round(import_number(app, "cpus", 1) * 1000);
    if (milli < 1)
        milli = 1;
    if (milli > CPU_MILLI_MAX)
        milli = CPU_MILLI_MAX;
    yaml_add(out, "  resources: {cpu: %.10g, memory: ", milli / 1000);
    write_memory(import_number(app, "mem", 128), out);
    bool is_given = doc_find(app, "cpus") && doc_find(app, "mem");
    yaml_add(out, is_given ? "}\n" : "}  # Marathon's defaults\n");
    if (doc_find(app, "taskKillGracePeriodSeconds")) {
        yaml_add(out, "  stop: {timeout: ");
        yaml_duration(out, import_ms(app, "taskKillGracePeriodSeconds", 10, 0));
        yaml_add(out, "}\n");
    }
    const char *user = import_text(app, "user");
    if (user && *user && strcmp(user, "null") != 0) {
        yaml_add(out, "  user: ");
        yaml_scalar(out, user);
        yaml_add(out, "\n");
    }
}

/* ---- labels, constraints, restart ---- */

static void write_labels(const struct app_import *import, const struct doc *app,
                         struct yaml_text *out)
{
    const struct doc *labels = doc_find(app, "labels");
    size_t n = 0;
    for (const struct doc *v = labels && labels->kind == DOC_MAP ? labels->child : NULL;
         v; v = v->next) {
        if (v->kind != DOC_SCALAR || !*v->key || strlen(v->key) > KEY_TEXT_MAX ||
            n == LABELS_MAX) {
            complain(import->notes, v->key_line, v->key_column,
                     "%s: label '%.64s' is not carried over", import->id, v->key);
            continue;
        }
        yaml_add(out, n++ ? "  " : "labels:\n  ");
        yaml_scalar(out, v->key);
        yaml_add(out, ": ");
        yaml_scalar(out, v->text);
        yaml_add(out, "\n");
    }
}

/* [field, operator, value]; true when it is one of ours. */
static bool constraint_of(const struct doc *item, struct constraint *ret)
{
    const struct doc *field = item->kind == DOC_LIST ? item->child : NULL,
                     *op = field ? field->next : NULL;
    const struct doc *value = op ? op->next : NULL;
    if (!op || field->kind != DOC_SCALAR || op->kind != DOC_SCALAR ||
        (value && value->kind != DOC_SCALAR))
        return false;
    *ret =
        (struct constraint){.attr = field->text[0] == '@' ? field->text + 1 : field->text,
                            .value = value ? value->text : NULL};
    if (strcmp(op->text, "UNIQUE") == 0) {
        ret->op = CONSTRAINT_UNIQUE;
        ret->value = NULL;
    } else if (strcmp(op->text, "LIKE") == 0 && value) {
        ret->op = CONSTRAINT_LIKE;
    } else if ((strcmp(op->text, "CLUSTER") == 0 || strcmp(op->text, "IS") == 0) &&
               value && *value->text) {
        ret->op = CONSTRAINT_EQ;
    } else {
        return false;
    }
    return constraint_check(ret, NULL) == 0;
}

static void refuse_constraint(const struct app_import *import, const struct doc *item)
{
    const struct doc *op =
        item->kind == DOC_LIST && item->child ? item->child->next : NULL;
    const char *word = op && op->kind == DOC_SCALAR ? op->text : "?";
    complain(import->notes, item->line, item->column,
             "%s: constraint %.32s is left out: UNIQUE, LIKE, and CLUSTER with a value "
             "are carried over",
             import->id, word);
}

static void write_constraints(const struct app_import *import, const struct doc *app,
                              struct yaml_text *out)
{
    static const char *const ops[] = {"\"==\"", "like", "unique"};
    const struct doc *list = doc_find(app, "constraints");
    size_t n = 0;
    for (const struct doc *item = list && list->kind == DOC_LIST ? list->child : NULL;
         item; item = item->next) {
        struct constraint c;
        if (!constraint_of(item, &c) || n == CONSTRAINTS_MAX) {
            refuse_constraint(import, item);
            continue;
        }
        yaml_add(out, n++ ? "  - {attr: " : "constraints:\n  - {attr: ");
        yaml_scalar(out, c.attr);
        yaml_add(out, ", op: %s", ops[c.op]);
        if (c.value) {
            yaml_add(out, ", value: ");
            yaml_scalar(out, c.value);
        }
        yaml_add(out, "}\n");
        if (c.value && strcmp(c.attr, "hostname") == 0)
            complain(
                import->notes, item->line, item->column,
                "%s: hostname is the name of a Stratos node here (see: stratos members)",
                import->id);
    }
}

static void write_restart(const struct doc *app, struct yaml_text *out)
{
    if (!doc_find(app, "backoffSeconds") && !doc_find(app, "backoffFactor") &&
        !doc_find(app, "maxLaunchDelaySeconds"))
        return;
    uint32_t delay_ms = import_ms(app, "backoffSeconds", 1, 100);
    uint32_t max_ms = import_ms(app, "maxLaunchDelaySeconds", 300, 100);
    double factor = import_number(app, "backoffFactor", 1.15);
    factor = factor < 1 ? 1 : factor > 100 ? 100 : factor;
    yaml_add(out, "restart: {delay: ");
    yaml_duration(out, delay_ms);
    yaml_add(out, ", backoff: %.10g, max_delay: ", round(factor * 1000) / 1000);
    yaml_duration(out, max_ms < delay_ms ? delay_ms : max_ms);
    yaml_add(out, "}  # backoffSeconds, backoffFactor, maxLaunchDelaySeconds\n");
}

/* ---- what is left ---- */

static bool says_nothing(const struct doc *value)
{
    static const char *const nothings[] = {"", "0", "0.0", "false", "null"};
    for (size_t i = 0;
         value->kind == DOC_SCALAR && i < sizeof(nothings) / sizeof(nothings[0]); i++)
        if (strcmp(value->text, nothings[i]) == 0)
            return true;
    return value->kind != DOC_SCALAR && value->n == 0;
}

static void note_container(const struct app_import *import, const struct doc *container)
{
    const struct doc *docker = doc_find(container, "docker"),
                     *volumes = doc_find(container, "volumes");
    if (volumes && volumes->n)
        note(import, volumes,
             "volumes are not supported by this version; use the host's own paths");
    for (const struct doc *v = docker && docker->kind == DOC_MAP ? docker->child : NULL;
         v; v = v->next)
        if ((strcmp(v->key, "parameters") == 0 || strcmp(v->key, "privileged") == 0) &&
            !says_nothing(v))
            note(import, v, "it configures Docker");
}

static void note_leftovers(const struct app_import *import, const struct doc *app)
{
    static const char *const carried[] = {
        "id",
        "cmd",
        "args",
        "cpus",
        "mem",
        "instances",
        "env",
        "ports",
        "portDefinitions",
        "requirePorts",
        "container",
        "healthChecks",
        "labels",
        "constraints",
        "backoffSeconds",
        "backoffFactor",
        "maxLaunchDelaySeconds",
        "taskKillGracePeriodSeconds",
        "user",
        "version",
        "versionInfo",
        "$schema",
    };
    static const struct {
        const char *key, *why;
    } known[] = {
        {"uris", "put these files on the nodes, or have the command download them"},
        {"fetch", "put these files on the nodes, or have the command download them"},
        {"disk", "disk space is not limited by this version"},
        {"gpus",
         "GPUs are not counted by this version; use a constraint on a node's attribute"},
        {"dependencies",
         "jobs start together and are restarted until what they need is there"},
        {"upgradeStrategy",
         "an update replaces one instance at a time; see update: max_parallel"},
        {"readinessChecks", "an update waits for the checks under health"},
        {"acceptedResourceRoles", "use a constraint on a node's attribute"},
        {"secrets", "secrets are not supported by this version"},
        {"ipAddress", "tasks use the host's network"},
        {"networks", "tasks use the host's network"},
        {"residency", "volumes are not supported by this version"},
        {"unreachableStrategy", "the work of a node that is gone moves by itself"},
        {"executor", "there is one way to run a task"},
    };
    for (const struct doc *v = app->child; v; v = v->next) {
        const char *why = "there is nothing like it here";
        bool is_carried = false;
        for (size_t i = 0; i < sizeof(carried) / sizeof(carried[0]); i++)
            is_carried = is_carried || strcmp(v->key, carried[i]) == 0;
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            why = strcmp(v->key, known[i].key) == 0 ? known[i].why : why;
        if (!is_carried && !says_nothing(v))
            note(import, v, why);
        if (strcmp(v->key, "container") == 0 && v->kind == DOC_MAP)
            note_container(import, v);
    }
}

int import_app(const struct app_import *import, const struct doc *app, char **ret_text)
{
    struct yaml_text out = {.arena = import->arena}, task = {.arena = import->arena};
    *ret_text = NULL;
    if (!write_command(import, app, &task))
        return 0;
    yaml_add(&out, "job: ");
    yaml_scalar(&out, import->job);
    yaml_add(&out, "\n");
    if (import->ns) {
        yaml_add(&out, "namespace: ");
        yaml_scalar(&out, import->ns);
        yaml_add(&out, "\n");
    }
    double instances = import_number(app, "instances", 1);
    yaml_add(&out, "count: %.0f  # instances\n",
             instances > INSTANCES_PER_JOB_MAX ? INSTANCES_PER_JOB_MAX : instances);
    write_labels(import, app, &out);
    write_constraints(import, app, &out);
    struct app_ports ports;
    import_ports(import, app, &ports);
    write_env(import, app, &task);
    write_resources(app, &task);
    yaml_add(&out, "task:\n%s", "");
    yaml_indented(&out, "", task.at ? task.at : "");
    import_ports_write(&ports, &out);
    import_health_write(import, app, &ports, &out);
    write_restart(app, &out);
    note_leftovers(import, app);
    if (out.is_failed || task.is_failed)
        return -ENOMEM;
    *ret_text = out.at;
    return 0;
}
