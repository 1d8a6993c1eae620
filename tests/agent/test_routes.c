/* Which route a request takes, and what is said when there is none. */
#include "agent/routes.h"

#include <criterion/criterion.h>
#include <string.h>

#include "core/err.h"

static const struct route table[] = {
    {.method = "GET", .pattern = "/"},
    {.method = "GET", .pattern = "/healthz", .params = "live"},
    {.method = "GET", .pattern = "/v1/jobs", .params = "after wait limit"},
    {.method = "POST", .pattern = "/v1/jobs", .params = ""},
    {.method = "GET", .pattern = "/v1/jobs/{ns}/{job}"},
    {.method = "DELETE", .pattern = "/v1/jobs/{ns}/{job}"},
    {.method = "GET", .pattern = "/v1/jobs/{ns}/{job}/why"},
    {.method = "PUT", .pattern = "/v1/vars/{name...}"},
};
enum { ROUTES = sizeof(table) / sizeof(table[0]) };

static int find(const char *method, const char *path, struct route_match *m, char *allow)
{
    return route_find(table, ROUTES, method, path, m, allow);
}

Test(routes, a_path_and_a_method_lead_to_one_route)
{
    static const struct {
        const char *method, *path;
        int status;
        size_t route;
    } rows[] = {
        {"GET", "/", 0, 0},
        {"GET", "/healthz", 0, 1},
        {"GET", "/healthz/", ERR_NOT_FOUND, 0},
        {"GET", "/v1/jobs", 0, 2},
        {"GET", "/v1/jobs/", ERR_NOT_FOUND, 0},
        {"GET", "//v1/jobs", ERR_NOT_FOUND, 0},
        {"POST", "/v1/jobs", 0, 3},
        {"GET", "/v1/jobs/a/b", 0, 4},
        {"GET", "/v1/jobs/a", ERR_NOT_FOUND, 0},
        {"GET", "/v1/jobs/a/b/", ERR_NOT_FOUND, 0},
        {"GET", "/v1/jobs//b", ERR_NOT_FOUND, 0},
        {"DELETE", "/v1/jobs/a/b", 0, 5},
        {"GET", "/v1/jobs/a/b/why", 0, 6},
        {"GET", "/v1/jobs/a/b/whyever", ERR_NOT_FOUND, 0},
        {"PUT", "/v1/vars/a", 0, 7},
        {"PUT", "/v1/vars/a/b/c", 0, 7},
        {"PUT", "/v1/vars/", ERR_NOT_FOUND, 0},
        {"PUT", "/v1/vars", ERR_NOT_FOUND, 0},
        {"GET", "*", ERR_NOT_FOUND, 0},
        {"GET", "", ERR_NOT_FOUND, 0},
        {"GET", "/v1/jobs/a%2", ERR_MALFORMED, 0},
        {"GET", "/v1/jobs/a/b%2", ERR_MALFORMED, 0},
        {"GET", "/v1/jobs/a/b%00", ERR_MALFORMED, 0},
        {"GET", "/V1/jobs", ERR_NOT_FOUND, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct route_match m;
        char allow[ROUTE_ALLOW_MAX];
        cr_assert_eq(find(rows[i].method, rows[i].path, &m, allow), rows[i].status,
                     "%s %s", rows[i].method, rows[i].path);
        if (rows[i].status == 0)
            cr_assert_eq(m.route, &table[rows[i].route], "%s", rows[i].path);
    }
}

Test(routes, a_method_that_a_path_lacks_leads_nowhere_and_is_told_which_there_are)
{
    static const char *const methods[] = {"OPTIONS", "PATCH", "TRACE", "get", ""};
    struct route_match m;
    char allow[ROUTE_ALLOW_MAX];
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        cr_assert_eq(find(methods[i], "/v1/jobs/a/b", &m, allow), ERR_UNSUPPORTED);
        cr_assert_str_eq(allow, "GET, HEAD, DELETE");
    }
    cr_assert_eq(find("DELETE", "/healthz", &m, allow), ERR_UNSUPPORTED);
    cr_assert_str_eq(allow, "GET, HEAD");
    cr_assert_eq(find("GET", "/v1/vars/k", &m, allow), ERR_UNSUPPORTED);
    cr_assert_str_eq(allow, "PUT");
}

Test(routes, segments_are_decoded_after_they_were_told_apart)
{
    struct route_match m;
    char allow[ROUTE_ALLOW_MAX];
    cr_assert_eq(find("GET", "/v1/jobs/my%20ns/a%2Fb", &m, allow), 0);
    cr_assert_str_eq(route_word(&m, "ns"), "my ns");
    cr_assert_str_eq(route_word(&m, "job"), "a/b");
    cr_assert_null(route_word(&m, "name"));
    cr_assert_null(route_word(&m, "n"));
    cr_assert_eq(find("GET", "/v1%2Fjobs", &m, allow), ERR_NOT_FOUND);
    cr_assert_eq(find("PUT", "/v1/vars/a%2Fb/c", &m, allow), 0);
    cr_assert_str_eq(route_word(&m, "name"), "a/b/c");
}

Test(routes, what_no_namespace_and_no_job_is_called_is_told_apart)
{
    static const struct {
        const char *path;
        bool is_valid;
    } rows[] = {
        {"/v1/jobs/shop/web-2", true},
        {"/v1/jobs/a/x.0%2F..%2Fb.secret", false},
        {"/v1/jobs/a%2F..%2Fb/web", false},
        {"/v1/jobs/../web", false},
        {"/v1/jobs/a/..", false},
        {"/v1/jobs/a/.", false},
        {"/v1/jobs/a/web.0", false},
        {"/v1/jobs/a/we%20b", false},
        {"/v1/jobs/a/web%20HTTP%2F1.0%0D%0A", false},
        {"/v1/jobs/a/Web", false},
        {"/v1/jobs/a/web-", false},
        {"/v1/jobs/a%3F/web", false},
        {"/v1/jobs/a/w%C3%A4b", false},
        {"/v1/jobs/a/"
         "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd",
         false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct route_match m;
        char allow[ROUTE_ALLOW_MAX];
        cr_assert_eq(find("GET", rows[i].path, &m, allow), 0, "%s", rows[i].path);
        cr_assert_eq(route_names_are_valid(&m), rows[i].is_valid, "%s", rows[i].path);
    }
    struct route_match other;
    char allow[ROUTE_ALLOW_MAX];
    cr_assert_eq(find("PUT", "/v1/vars/A_b%2Fc", &other, allow), 0);
    cr_assert(route_names_are_valid(&other));
}

Test(routes, words_that_do_not_fit_are_of_nothing_that_there_is)
{
    char path[3 * ROUTE_TEXT_MAX] = "/v1/vars/", allow[ROUTE_ALLOW_MAX];
    struct route_match m;
    memset(path + strlen(path), 'a', 2 * ROUTE_TEXT_MAX);
    cr_assert_eq(find("PUT", path, &m, allow), ERR_NOT_FOUND);
}

Test(routes, a_route_takes_its_parameters_only)
{
    static const struct {
        const char *param;
        bool is_taken;
    } rows[] = {{"after", true}, {"limit", true},       {"wait", true}, {"afte", false},
                {"", false},     {"after wait", false}, {"it", false},  {"Limit", false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        cr_assert_eq(route_takes(&table[2], rows[i].param), rows[i].is_taken, "'%s'",
                     rows[i].param);
    cr_assert_not(route_takes(&table[3], "after"));
    cr_assert_not(route_takes(&table[3], ""));
}
