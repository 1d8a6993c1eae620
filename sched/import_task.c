/* What a Marathon app runs, with what variables and with how much.
 *
 * Marathon's own defaults (1 cpu, 128 MiB) are written out, because ours differ. */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sched/import_app.h"

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
static const char *modernised(struct app_import *import, const struct doc *at,
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
            import_say(import, IMPORT_CHANGED, at, "'%s' became '%s': the former %s",
                       idioms[i].from, idioms[i].to, idioms[i].why);
        text = after;
    }
    return text;
}

/* The list form: ["python", "-m", "SimpleHTTPServer", ...] is one idiom, not words of
 * their own. */
static const char *modern_word(struct app_import *import, const struct doc *word,
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
        import_say(import, IMPORT_CHANGED, word,
                   "Python 2's SimpleHTTPServer became python3 -m http.server");
        return "http.server";
    }
    return modernised(import, word, word->text);
}

static bool is_blank(const char *text)
{
    return text[strspn(text, " \t\r\n")] == '\0';
}

/* Marathon hands texts on as they are: ${NAME} stays ${NAME}, which is written $${NAME} here. */
static const char *literal(struct app_import *import, const char *text)
{
    const char *open = strstr(text, "${");
    if (!open || !strchr(open, '}'))
        return text;
    size_t n = 0;
    for (const char *at = open; at; at = strstr(at + 2, "${"))
        n++;
    char *out = arena_alloc(import->arena, strlen(text) + n + 1), *to = out;
    for (const char *at = text; out && *at; at++) {
        if (at[0] == '$' && at[1] == '{' && strchr(at, '}'))
            *to++ = '$';
        *to++ = *at;
    }
    if (out)
        *to = '\0';
    return out ? out : "";
}

static void write_args(struct app_import *import, const struct doc *args,
                       struct yaml_text *out)
{
    yaml_add(out, "  command:  # args\n");
    for (const struct doc *word = args->child; word; word = word->next) {
        const char *text =
            word->kind == DOC_SCALAR ? modern_word(import, word, args) : NULL;
        if (!text) {
            import_say(import, IMPORT_ERROR, word, "args: each wants a text");
            return;
        }
        yaml_add(out, "    - ");
        yaml_scalar(out, literal(import, text));
        yaml_add(out, "\n");
    }
}

/* The image that an app's program lies in, or NULL. */
static const struct doc *image_of(struct app_import *import, const struct doc *app)
{
    const struct doc *container = import_map(import, app, "container");
    const struct doc *docker = container ? import_map(import, container, "docker") : NULL;
    const struct doc *appc = container ? import_map(import, container, "appc") : NULL;
    const struct doc *image = docker ? import_get(docker, "image") : NULL;
    image = !image && appc ? import_get(appc, "image") : image;
    return image && image->kind == DOC_SCALAR && *image->text ? image : NULL;
}

static bool refuse_image(struct app_import *import, const struct doc *image, bool has_cmd)
{
    if (!has_cmd)
        import_say(
            import, IMPORT_ERROR, image,
            "its program is in the container image '%.128s', and images are not "
            "supported by this version; install the program on the nodes and write a "
            "job with its command",
            image->text);
    else if (!import->without_image)
        import_say(import, IMPORT_ERROR, image,
                   "its command is meant for the container image '%.128s'; with "
                   "--without-image it becomes a job that runs it on the host itself",
                   image->text);
    else
        import_say(
            import, IMPORT_CHANGED, image,
            "without its image '%.128s' the command runs on the host itself, which "
            "must have what it needs",
            image->text);
    return has_cmd && import->without_image;
}

bool import_command_write(struct app_import *import, const struct doc *app,
                          struct yaml_text *out)
{
    const char *cmd = import_text(import, app, "cmd");
    const struct doc *args = import_list(import, app, "args"),
                     *image = image_of(import, app);
    bool has_cmd = cmd && !is_blank(cmd), has_args = args && args->n > 0;
    if (image && !refuse_image(import, image, has_cmd))
        return false;
    if (!has_cmd && !has_args) {
        import_say(import, IMPORT_ERROR, app, "it has neither cmd nor args");
        return false;
    }
    if (has_cmd && has_args)
        import_say(import, IMPORT_DROPPED, args,
                   "args is not carried over: the app has a cmd as well");
    if (!has_cmd) {
        write_args(import, args, out);
        return !import->is_refused;
    }
    const char *text = modernised(import, doc_find(app, "cmd"), cmd);
    yaml_add(out, "  command: ");
    yaml_scalar(out, text ? text : "");
    yaml_add(out, "\n");
    return true;
}

/* ---- variables ---- */

static void write_pair(struct yaml_text *out, size_t *n, const char *name,
                       const char *value, const char *comment)
{
    yaml_add(out, *n == 0 ? "  env:\n    " : "    ");
    yaml_scalar(out, name);
    yaml_add(out, ": ");
    yaml_scalar(out, value);
    yaml_add(out, comment ? "  # %s\n" : "\n", comment);
    (*n)++;
}

static bool is_variable(const char *name)
{
    if (!*name || strlen(name) > KEY_TEXT_MAX || strchr(name, '='))
        return false;
    for (; *name; name++)
        if ((unsigned char)*name <= ' ' || *name == 0x7f)
            return false;
    return true;
}

/* PORT, PORT0 and PORT_<NAME>: Stratos sets them, as Marathon does. */
static bool is_set_by_us(const struct app_ports *ports, const char *name)
{
    char own[NAME_LEN_MAX + 8];
    if (ports->n > 0 && strcmp(name, "PORT") == 0)
        return true;
    for (size_t i = 0; i < ports->n; i++) {
        (void)snprintf(own, sizeof(own), "PORT%zu", i);
        if (strcmp(own, name) == 0)
            return true;
        for (size_t k = 0; k < 2; k++) {
            (void)snprintf(own, sizeof(own), "%s_%s", k ? "ADDR" : "PORT",
                           ports->list[i].name);
            for (char *c = own; *c; c++)
                *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
            if (strcmp(own, name) == 0)
                return true;
        }
    }
    return false;
}

static void write_variable(struct app_import *import, const struct doc *value,
                           const struct app_ports *ports, struct yaml_text *out,
                           size_t *n)
{
    if (value->kind == DOC_MAP && doc_find(value, "secret"))
        import_say(
            import, IMPORT_DROPPED, value,
            "env.%.64s is not carried over: its value is a secret of Marathon's, and "
            "secrets are not supported by this version",
            value->key);
    else if (value->kind != DOC_SCALAR || import_is_null(value))
        import_say(import, IMPORT_ERROR, value, "env.%.64s wants a text", value->key);
    else if (!is_variable(value->key))
        import_say(
            import, IMPORT_ERROR, value,
            "env: '%.64s' is no name of a variable: it wants letters, digits and _",
            value->key);
    else if (strncmp(value->key, "STRATOS_", 8) == 0)
        import_say(import, IMPORT_ERROR, value,
                   "env: names that begin with STRATOS_ are Stratos's own: %.64s",
                   value->key);
    else if (is_set_by_us(ports, value->key))
        import_say(import, IMPORT_DROPPED, value,
                   "env.%.64s is not carried over: Stratos sets it, as Marathon did",
                   value->key);
    else
        write_pair(out, n, value->key, literal(import, value->text), NULL);
}

/* "${PORT0},${PORT1}" */
static const char *ports_text(struct app_import *import, const struct app_ports *ports)
{
    const char *text = "";
    for (size_t i = 0; text && i < ports->n; i++)
        text = arena_printf(import->arena, "%s%s${PORT%zu}", text, i > 0 ? "," : "", i);
    return text ? text : "";
}

static bool has(const struct doc *env, const char *name)
{
    return env && doc_find(env, name);
}

/* What Marathon sets for every task, and an app may have come to rely on. */
static void write_given(struct app_import *import, const struct doc *env,
                        const struct app_ports *ports, struct yaml_text *out, size_t *n)
{
    const struct {
        const char *name, *value;
    } given[] = {{"HOST", "${STRATOS_ADDRESS}"},
                 {"MESOS_SANDBOX", "${STRATOS_DIR}"},
                 {"MARATHON_APP_ID", literal(import, import->id)},
                 {"PORTS", ports->n > 0 ? ports_text(import, ports) : NULL}};
    size_t n_before = *n;
    for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++)
        if (given[i].value && !has(env, given[i].name))
            write_pair(out, n, given[i].name, given[i].value,
                       *n == n_before ? "from here on: Marathon sets these for every task"
                                      : NULL);
    for (size_t i = 0; i < ports->n; i++) {
        char name[16], value[32];
        bool is_told = ports->list[i].check_number == 0;
        (void)snprintf(name, sizeof(name), "PORT_%u", ports->list[i].check_number);
        (void)snprintf(value, sizeof(value), "${PORT%zu}", i);
        for (size_t j = 0; j < i; j++)
            is_told =
                is_told || ports->list[j].check_number == ports->list[i].check_number;
        if (!is_told && !has(env, name) && !is_set_by_us(ports, name))
            write_pair(out, n, name, value, NULL);
    }
}

/* Those that nothing here stands for, where the app's own words speak of them. */
static void tell_missing(struct app_import *import, const struct doc *value)
{
    static const char *const missing[] = {
        "MESOS_TASK_ID",         "MARATHON_APP_VERSION",      "MARATHON_APP_LABEL",
        "MARATHON_APP_RESOURCE", "MARATHON_APP_DOCKER_IMAGE", "MESOS_CONTAINER_NAME",
        "MESOS_EXECUTOR_ID",     "MESOS_FRAMEWORK_ID"};
    const char
        *at; /* the first is told: its whole name, where a beginning stands above */
    for (size_t i = 0;
         value && value->kind == DOC_SCALAR && i < sizeof(missing) / sizeof(missing[0]);
         i++)
        if ((at = strstr(value->text, missing[i])) != NULL)
            import_say(import, IMPORT_DROPPED, value,
                       "%.*s, of which %s speaks, is not set here",
                       (int)strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"), at,
                       value->key ? value->key : "a word of args");
}

void import_env_write(struct app_import *import, const struct doc *app,
                      const struct app_ports *ports, struct yaml_text *out)
{
    const struct doc *env = import_map(import, app, "env"), *args = doc_find(app, "args");
    size_t n = 0;
    for (const struct doc *v = env ? env->child : NULL; v; v = v->next)
        write_variable(import, v, ports, out, &n);
    write_given(import, env, ports, out, &n);
    tell_missing(import, doc_find(app, "cmd"));
    for (const struct doc *word = args ? args->child : NULL; word; word = word->next)
        tell_missing(import, word);
    if (n > ENV_MAX)
        import_say(import, IMPORT_ERROR, env, "env: a task has at most %d variables",
                   ENV_MAX);
}

/* ---- resources ---- */

/* MiB, maybe with a fraction, as the largest unit that fits. */
static void write_memory(double mib, struct yaml_text *out)
{
    unsigned long long kib = (unsigned long long)ceil(mib * 1024);
    if (kib % (1 << 20) == 0)
        yaml_add(out, "%lluG", kib >> 20);
    else if (kib % 1024 == 0)
        yaml_add(out, "%lluM", kib >> 10);
    else
        yaml_add(out, "%lluK", kib);
}

/* Of nothing, or less than there is here, becomes `least`, and is told. */
static double at_least(struct app_import *import, const struct doc *app, const char *key,
                       double value, double least, double instead)
{
    if (value >= least)
        return value;
    import_say(import, IMPORT_CHANGED, doc_find(app, key), "%s %.12g becomes %.12g: %s",
               key, value, instead,
               value > 0 ? "the least there is" : "what a job has by default");
    return instead;
}

void import_resources_write(struct app_import *import, const struct doc *app,
                            struct yaml_text *out)
{
    double cpus = import_number(import, app, "cpus", 1, 0, CPU_MILLI_MAX / 1000);
    double mem = import_number(import, app, "mem", 128, 0, MEMORY_MIB_MAX);
    cpus = at_least(import, app, "cpus", cpus, 0.001, cpus > 0 ? 0.001 : 0.1);
    mem = at_least(import, app, "mem", mem, 1, mem > 0 ? 1 : 128);
    double milli = round(cpus * 1000);
    if (fabs(milli / 1000 - cpus) > 1e-9)
        import_say(import, IMPORT_CHANGED, doc_find(app, "cpus"),
                   "cpus %.12g becomes %.10g: in steps of 0.001", cpus, milli / 1000);
    yaml_add(out, "  resources: {cpu: %.10g, memory: ", milli / 1000);
    write_memory(mem, out);
    bool is_given = import_get(app, "cpus") && import_get(app, "mem");
    yaml_add(out, is_given ? "}\n" : "}  # Marathon's defaults\n");
    if (import_get(app, "taskKillGracePeriodSeconds")) {
        yaml_add(out, "  stop: {timeout: ");
        yaml_duration(out, import_ms(import, app, "taskKillGracePeriodSeconds", 10, 0));
        yaml_add(out, "}\n");
    }
    const char *user = import_text(import, app, "user");
    if (user && *user) {
        yaml_add(out, "  user: ");
        yaml_scalar(out, user);
        yaml_add(out, "\n");
    }
}
