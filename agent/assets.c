/* The web interface's files, put into the binary by the assembler.  The Makefile rebuilds this
 * object when one of them changes. */
#include "agent/assets.h"

#include <string.h>

__asm__(".pushsection .rodata\n"
        ".global asset_dashboard_start\n"
        ".global asset_dashboard_end\n"
        "asset_dashboard_start: .incbin \"agent/assets/dashboard.html\"\n"
        "asset_dashboard_end: .byte 0\n"
        ".popsection\n");

extern const uint8_t asset_dashboard_start[], asset_dashboard_end[];

/* The page is one file: its own script and style, and nothing from anywhere else. */
static const char POLICY[] =
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

const struct asset *asset_find(const char *path)
{
    static struct asset dashboard = {
        .path = "/", .type = "text/html; charset=utf-8", .policy = POLICY};
    dashboard.body = (struct bytes){
        asset_dashboard_start, (size_t)(asset_dashboard_end - asset_dashboard_start)};
    return strcmp(path, dashboard.path) == 0 ? &dashboard : NULL;
}
