/* Assets are embedded by the assembler, so the page in the tree is the page that is served.
 * The Makefile rebuilds this file when one changes. */
#include "agent/assets.h"

#include <string.h>

__asm__(".section .rodata\n"
        ".global asset_dashboard_start, asset_dashboard_end\n"
        "asset_dashboard_start: .incbin \"agent/assets/dashboard.html\"\n"
        "asset_dashboard_end: .byte 0\n"
        ".previous\n");
extern const uint8_t asset_dashboard_start[], asset_dashboard_end[];

const struct asset *asset_find(const char *path)
{
    static struct asset dashboard = {.path = "/", .type = "text/html; charset=utf-8"};
    if (strcmp(path, dashboard.path) != 0)
        return NULL;
    dashboard.body = (struct bytes){asset_dashboard_start,
                                    (size_t)(asset_dashboard_end - asset_dashboard_start)};
    return &dashboard;
}
