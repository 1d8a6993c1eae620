/* Where a Marathon app runs, how often it is started again, and how it is replaced. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "sched/constraint.h"
#include "sched/import_app.h"

/* ---- constraints ---- */

/* [field, operator, value]; true when it is one of ours. */
static bool constraint_of(const struct doc *item, struct constraint *ret)
{
    const struct doc *field = item->child, *op = field->next, *value = op->next;
    const char *text = value ? value->text : NULL;
    *ret = (struct constraint){
        .attr = field->text[0] == '@' ? field->text + 1 : field->text, .value = text};
    bool is_one = strcmp(op->text, "MAX_PER") == 0 && text && strcmp(text, "1") == 0;
    if (strcmp(op->text, "UNIQUE") == 0 || is_one) {
        ret->op = CONSTRAINT_UNIQUE;
        ret->value = NULL;
    } else if (strcmp(op->text, "LIKE") == 0 && text) {
        ret->op = CONSTRAINT_LIKE;
    } else if ((strcmp(op->text, "CLUSTER") == 0 || strcmp(op->text, "IS") == 0) &&
               text && *text) {
        ret->op = CONSTRAINT_EQ;
    } else {
        return false;
    }
    return constraint_check(ret, NULL) == 0;
}

static bool is_well_formed(const struct doc *item)
{
    if (item->kind != DOC_LIST || item->n < 2 || item->n > 3)
        return false;
    for (const struct doc *c = item->child; c; c = c->next)
        if (c->kind != DOC_SCALAR)
            return false;
    return true;
}

static void write_constraint(struct app_import *import, const struct doc *item, size_t n,
                             const struct constraint *c, struct yaml_text *out)
{
    static const char *const ops[] = {"\"==\"", "like", "unique"};
    yaml_add(out, n > 0 ? "  - {attr: " : "constraints:\n  - {attr: ");
    yaml_scalar(out, c->attr);
    yaml_add(out, ", op: %s", ops[c->op]);
    if (c->value) {
        yaml_add(out, ", value: ");
        yaml_scalar(out, c->value);
    }
    yaml_add(out, "}\n");
    if (c->value && strcmp(c->attr, "hostname") == 0)
        import_say(import, IMPORT_CHANGED, item,
                   "hostname is the name of a Stratos node here (see: stratos members)");
}

void import_constraints_write(struct app_import *import, const struct doc *app,
                              struct yaml_text *out)
{
    const struct doc *list = import_list(import, app, "constraints");
    size_t n = 0;
    for (const struct doc *item = list ? list->child : NULL; item; item = item->next) {
        struct constraint c;
        if (!is_well_formed(item))
            import_say(
                import, IMPORT_ERROR, item,
                "a constraint wants [field, operator] or [field, operator, value]");
        else if (n == CONSTRAINTS_MAX)
            import_say(import, IMPORT_ERROR, item, "a job has at most %d constraints",
                       CONSTRAINTS_MAX);
        else if (!constraint_of(item, &c))
            import_say(import, IMPORT_DROPPED, item,
                       "constraint [%.64s, %.32s, %.64s] is not carried over: UNIQUE, "
                       "MAX_PER 1, "
                       "LIKE, IS, and CLUSTER with a value are",
                       item->child->text, item->child->next->text,
                       item->n == 3 ? item->child->next->next->text : "");
        else
            write_constraint(import, item, n++, &c, out);
    }
}

/* ---- restart ---- */

void import_restart_write(struct app_import *import, const struct doc *app,
                          struct yaml_text *out)
{
    if (!import_get(app, "backoffSeconds") && !import_get(app, "backoffFactor") &&
        !import_get(app, "maxLaunchDelaySeconds"))
        return;
    uint32_t delay_ms = import_ms(import, app, "backoffSeconds", 1, 10);
    uint32_t max_ms = import_ms(import, app, "maxLaunchDelaySeconds", 300, 10);
    double factor = import_number(import, app, "backoffFactor", 1.15, 1, 100);
    double kept = round(factor * 1000) / 1000;
    if (fabs(kept - factor) > 1e-9)
        import_say(import, IMPORT_CHANGED, doc_find(app, "backoffFactor"),
                   "backoffFactor %.12g becomes %.10g: in steps of 0.001", factor, kept);
    if (max_ms < delay_ms) {
        const struct doc *at = import_get(app, "maxLaunchDelaySeconds");
        import_say(import, IMPORT_CHANGED, at ? at : doc_find(app, "backoffSeconds"),
                   "maxLaunchDelaySeconds becomes %.12g: it is not less than "
                   "backoffSeconds here",
                   (double)delay_ms / 1000);
        max_ms = delay_ms;
    }
    yaml_add(out, "restart: {delay: ");
    yaml_duration(out, delay_ms);
    yaml_add(out, ", backoff: %.10g, max_delay: ", kept);
    yaml_duration(out, max_ms);
    yaml_add(out, "}  # backoffSeconds, backoffFactor, maxLaunchDelaySeconds\n");
}

/* ---- update ---- */

static const struct import_key upgrade_keys[] = {
    {"minimumHealthCapacity", NULL, NULL}, {"maximumOverCapacity", NULL, NULL}, {0}};

/* Marathon may run more than `count` meanwhile; here an instance stops before its successor
 * starts.  With one instance that is a gap. */
static void tell_gap(struct app_import *import, const struct doc *at, unsigned count,
                     bool has_ports)
{
    if (count == 1 && has_ports)
        import_say(
            import, IMPORT_CHANGED, at,
            "an update stops the one instance before its successor starts; Marathon "
            "stopped it after (minimumHealthCapacity 1): run two to have no gap");
}

static bool is_single(struct app_import *import, const struct doc *app)
{
    const struct doc *labels = doc_find(app, "labels");
    const struct doc *label = labels && labels->kind == DOC_MAP
                                  ? doc_find(labels, "MARATHON_SINGLE_INSTANCE_APP")
                                  : NULL;
    if (!label || label->kind != DOC_SCALAR || strcmp(label->text, "true") != 0)
        return false;
    import_say(
        import, IMPORT_CHANGED, label,
        "MARATHON_SINGLE_INSTANCE_APP is a mere label here; an update stops the one "
        "instance before it starts another, but two sides of a split may each run one");
    return true;
}

void import_update_write(struct app_import *import, const struct doc *app, unsigned count,
                         bool has_ports, struct yaml_text *out)
{
    const struct doc *strategy = import_map(import, app, "upgradeStrategy");
    bool is_one = is_single(import, app);
    if (is_one && count > 1)
        import_say(import, IMPORT_ERROR, doc_find(app, "instances"),
                   "instances is %u, and MARATHON_SINGLE_INSTANCE_APP allows one", count);
    double least = 1, most = 1;
    if (strategy) {
        import_keys(import, strategy, "upgradeStrategy", upgrade_keys);
        least = import_number(import, strategy, "minimumHealthCapacity", 1, 0, 1);
        most = import_number(import, strategy, "maximumOverCapacity", 1, 0, 1);
    }
    unsigned parallel = count - (unsigned)ceil(least * count - 1e-9);
    if (parallel > 1)
        yaml_add(out, "update: {max_parallel: %u}  # upgradeStrategy\n", parallel);
    if (is_one)
        return;
    if (parallel == 0 && count > 0)
        tell_gap(import, strategy ? strategy : app, count, has_ports);
    if (strategy && import_get(strategy, "maximumOverCapacity") && most > 0 && most < 1)
        import_say(
            import, IMPORT_DROPPED, doc_find(strategy, "maximumOverCapacity"),
            "maximumOverCapacity %.12g is not carried over: an instance stops before its "
            "successor starts",
            most);
}
