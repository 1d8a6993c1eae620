/* The API's description for programs (OpenAPI 3.0.3), made of the table of routes. */
#include <stdio.h>
#include <string.h>

#include "agent/api.h"

enum { PATTERN_MAX = 128 };

/* OpenAPI knows no words that take several segments: "{name...}" is "{name}" there. */
static void path_text(const char *pattern, char out[static PATTERN_MAX])
{
    size_t n = 0;
    for (; *pattern && n < PATTERN_MAX - 1; pattern++)
        if (*pattern != '.' || strncmp(pattern, "...}", 4) != 0)
            out[n++] = *pattern;
        else
            pattern += 2;
    out[n] = '\0';
}

static json_t *parameter(const char *name, size_t len, bool is_path)
{
    return json_pack("{s:s%,s:s,s:b,s:{s:s}}", "name", name, len, "in",
                     is_path ? "path" : "query", "required", (int)is_path, "schema",
                     "type", "string");
}

static json_t *parameters(const struct route *r, const char *path)
{
    json_t *list = json_array();
    for (const char *at = path; (at = strchr(at, '{')); at++)
        (void)json_array_append_new(list, parameter(at + 1, strcspn(at + 1, "}"), true));
    for (const char *at = r->params; *at; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        (void)json_array_append_new(list, parameter(at, len, false));
        at += len;
    }
    return list;
}

static json_t *operation(const struct route *r, const char *path)
{
    static const char *const needs[] = {
        [NEED_NOTHING] = "open",
        [NEED_READ] = "a token",
        [NEED_WRITE] = "a token that may write",
        [NEED_CLUSTER] = "a token that may write in all namespaces",
        [NEED_SECRET] = "the agent's socket, or the cluster's secret",
    };
    json_t *out = json_pack(
        "{s:s,s:s,s:o,s:{s:{s:s},s:{s:s,s:{s:{s:{s:s}}}}}}", "summary", r->summary,
        "description", needs[r->need], "parameters", parameters(r, path), "responses",
        "200", "description", "done", "default", "description", "an error", "content",
        "application/json", "schema", "$ref", "#/components/schemas/Error");
    if (r->has_body)
        (void)json_object_set_new(
            out, "requestBody",
            json_pack("{s:{s:{s:{s:s}}}}", "content", "*/*", "schema", "type", "string"));
    (void)json_object_set_new(out, "security",
                              r->need == NEED_NOTHING ? json_array()
                                                      : json_pack("[{s:[]}]", "token"));
    return out;
}

static json_t *paths(const struct api_call *call)
{
    json_t *out = json_object();
    for (size_t i = 0; i < call->n_routes; i++) {
        const struct route *r = &call->routes[i];
        char path[PATTERN_MAX], method[16] = "";
        path_text(r->pattern, path);
        for (size_t k = 0; r->method[k] && k < sizeof(method) - 1; k++)
            method[k] = (char)(r->method[k] | 0x20);
        json_t *item = json_object_get(out, path);
        if (!item) {
            item = json_object();
            (void)json_object_set_new(out, path, item);
        }
        (void)json_object_set_new(item, method, operation(r, path));
    }
    return out;
}

void route_openapi(struct agent *a, struct api_call *call)
{
    json_t *error = json_pack("{s:s,s:{s:{s:s,s:{s:{s:s},s:{s:s}}}}}", "type", "object",
                              "properties", "error", "type", "object", "properties",
                              "code", "type", "string", "message", "type", "string");
    json_t *out =
        json_pack("{s:s,s:{s:s,s:s},s:o,s:{s:{s:{s:s,s:s}},s:{s:o}}}", "openapi", "3.0.3",
                  "info", "title", "Stratos", "version", STRATOS_VERSION, "paths",
                  paths(call), "components", "securitySchemes", "token", "type", "http",
                  "scheme", "bearer", "schemas", "Error", error);
    api_answer(a, call->x, 200, out);
}
