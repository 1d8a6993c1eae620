/* What the DNS server's datagrams and connections both do with it: count an answer, and free it with
 * the last of its handles. */
#include "netsvc/uv_dns_inside.h"

#include <stdlib.h>

void uv_dns_count(struct uv_dns *d, size_t answer_len)
{
    if (answer_len > 0)
        d->metrics->dns_queries++;
    else
        d->metrics->dns_malformed++;
}

void uv_dns_gone(struct uv_dns *d)
{
    if (--d->n_open > 0)
        return;
    catalog_unref(d->catalog);
    crowd_fini(&d->crowd);
    uv_peer_close(&d->peer);
    free(d->batch);
    free(d);
}
