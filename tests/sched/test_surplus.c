/* When what is too many may go. */
#include "sched/surplus.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/lib/fake_view.h"

/* One job with these instances, a letter each, of which `count` are wanted:
 * a healthy and as it should be, o healthy and of an old version, x not healthy, . not there,
 * r refused by the only node; the node has room for `room` instances. */
static bool may_go(const char *instances, uint32_t count, uint32_t room, uint32_t index)
{
    struct fake_view f;
    struct plan plan;
    struct surplus s;
    int answer = -1;
    fake_init(&f);
    fake_node(&f, 100 * room, 1ul << 32);
    fake_job(&f, count, 100, 1);
    fake_spec(&f, 0)->update.max_parallel = 1;
    for (uint32_t i = 0; instances[i]; i++) {
        if (instances[i] == 'r')
            fake_refuse(&f, 0, i, 0, "crashed there");
        if (instances[i] == '.' || instances[i] == 'r')
            continue;
        struct view_claim *c = fake_claim(&f, 0, i, 0, 1);
        c->doc.spec.at[0] = instances[i] == 'o' ? 9 : c->doc.spec.at[0];
        c->doc.health = instances[i] == 'x' ? HEALTH_UNKNOWN : HEALTH_PASSING;
    }
    fake_sort(&f);
    f.view.self = 0;
    cr_assert_eq(plan_make(&f.view, &f.arena, &plan), 0);
    surplus_init(&s, &f.view, &plan);
    for (uint32_t i = 0; i < f.view.n_claims; i++)
        if (f.view.claims[i].index == index)
            answer = surplus_may_go(&s, i, false, &f.arena);
    fake_fini(&f);
    cr_assert_geq(answer, 0, "%s has no instance %u", instances, index);
    return answer;
}

Test(surplus, goes_when_the_others_can_do_without_it)
{
    static const struct {
        const char *instances;
        uint32_t count, room;
        const char *going; /* of the surplus, in order: y or n */
    } rows[] = {
        {"aaaaa", 3, 9, "yy"},
        {"axaaa", 3, 9, "ny"}, /* 3 serve in the place of 1 */
        {"axxaa", 3, 9, "nn"},
        {"axxax", 3, 9, "ny"}, /* not healthy: no help to anybody */
        {"ooooo", 3, 9, "nn"}, /* a rollout begins: they are what it falls back on */
        {"xoooo", 3, 9, "nn"},
        {"aaxoo", 3, 9, "nn"},
        {"aaaoo", 3, 9, "nn"}, /* not proven yet, see may_go */
        {"aaaoa", 3, 9, "nn"},
        {"aaaox", 3, 9, "ny"},
        {"aa.aa", 3, 9, "ny"}, /* will be placed */
        {"aa.aa", 3, 4, "yy"}, /* fits nowhere: the room has to come from somewhere */
        {"a..aa", 3, 3, "ny"},
        {"aaraa", 3, 4, "ny"}, /* crashed there: room would not help it */
        {".a", 1, 1, "y"},
        {"a", 0, 9, "y"},
        {"o", 0, 9, "n"}, /* count 0 is through at once, see act.c */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (uint32_t k = 0; rows[i].going[k]; k++)
            cr_expect_eq(
                may_go(rows[i].instances, rows[i].count, rows[i].room, rows[i].count + k),
                rows[i].going[k] == 'y', "%s of %u, instance %u", rows[i].instances,
                rows[i].count, rows[i].count + k);
}
