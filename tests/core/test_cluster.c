/* The spelling of states is a contract with scripts. */
#include <criterion/criterion.h>

#include "core/cluster.h"

Test(cluster, states_are_spelt_as_the_json_contract_says)
{
    cr_assert_str_eq(member_state_name(MEMBER_ALIVE), "alive");
    cr_assert_str_eq(member_state_name(MEMBER_LEFT), "left");
    cr_assert_str_eq(instance_state_name(INSTANCE_PENDING), "pending");
    cr_assert_str_eq(instance_state_name(INSTANCE_LOST), "lost");
    cr_assert_str_eq(disk_state_name(DISK_OK), "ok");
    cr_assert_str_eq(disk_state_name(DISK_BROKEN), "broken");
    cr_assert_str_eq(health_name(HEALTH_NONE), "none");
    cr_assert_str_eq(health_name(HEALTH_FAILING), "failing");
}

Test(cluster, a_task_without_checks_is_healthy_while_it_runs)
{
    cr_assert(claim_is_healthy(INSTANCE_RUNNING, HEALTH_NONE));
    cr_assert(claim_is_healthy(INSTANCE_RUNNING, HEALTH_PASSING));
    cr_assert_not(claim_is_healthy(INSTANCE_RUNNING, HEALTH_UNKNOWN));
    cr_assert_not(claim_is_healthy(INSTANCE_RUNNING, HEALTH_FAILING));
    cr_assert_not(claim_is_healthy(INSTANCE_STARTING, HEALTH_NONE));
    cr_assert_not(claim_is_healthy(INSTANCE_STOPPING, HEALTH_PASSING));
}
