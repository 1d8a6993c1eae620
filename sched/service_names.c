/* Names with an underscore before them.  See service_names.h. */
#include "sched/service_names.h"

#include <string.h>

#include "core/bounds.h"

static void note(const struct job_spec *spec, const char *what, const char *name,
                 const char *transport, struct complaints *notes)
{
    if (strlen(name) < NAME_LEN_MAX)
        return;
    complain(notes, 0, 0,
             "%s: its %s '%s' has no name _%s.%s in DNS: with the '_' that is more than "
             "the 63 octets of a label; SRV of %s.%s.service.stratos gives the same",
             spec->name, what, name, name, transport, spec->service_name, spec->ns);
}

void service_names_note(const struct job_spec *spec, struct complaints *notes)
{
    if (spec->n_ports == 0 || !spec->service_name)
        return; /* it has addresses only or no name; none of those has an underscore */
    const struct port_spec *port = &spec->ports[spec->service_port];
    const char *transport = strcmp(port->protocol, "udp") == 0 ? "_udp" : "_tcp";
    note(spec, "service", spec->service_name, transport, notes);
    note(spec, "port", port->name, transport, notes);
    note(spec, "protocol", port->protocol, transport, notes);
}
