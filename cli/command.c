/* THE command table.  The order here is the order of the help. */
#include "cli/command.h"

#include <string.h>

#include "cli/verbs.h"

const struct flag command_global_flags[] = {
    {"socket", 0, "PATH", "the agent's socket (STRATOS_SOCKET)", false},
    {"host", 0, "HOST[:PORT]",
     "speak to a remote agent's peer port, sealed with the secret", false},
    {"secret-file", 0, "FILE", "the cluster's secret, for --host and for an agent",
     false},
    {"namespace", 0, "NS", "of the jobs named (default: default); NS/JOB works too",
     false},
    {"json", 0, NULL, "one JSON object on stdout; streams one a line", false},
    {"help", 'h', NULL, "what a command takes", false},
    {0},
};

static const struct flag agent_flags[] = {
    {"config", 0, "FILE", "read stratos.yaml; every flag here is a key there", false},
    {"name", 0, "NAME", "of the node (default: the host's name)", false},
    {"data", 0, "DIR", "where identity, table, tasks and logs live", false},
    {"join", 0, "ADDR[,ADDR]", "peers to greet first; may be given again", false},
    {"no-discover", 0, NULL, "no multicast on the LAN", false},
    {"bind", 0, "ADDR:7780", "for peers; without an address the first routable one",
     false},
    {"http", 0, "ADDR:7781", "API and metrics (default: loopback)", false},
    {"dns", 0, "ADDR:8600", "DNS (default: loopback)", false},
    {"attr", 0, "K=V", "an attribute for constraints; may be given again", false},
    {"cpu", 0, "CORES", "offered to tasks (default: all)", false},
    {"memory", 0, "SIZE", "offered to tasks (default: most of it)", false},
    {"ports", 0, "LO-HI", "for dynamic ports (default: 20000-29999)", false},
    {"profile", 0, "lan|wan|local", "how patient gossip is (default: lan)", false},
    {"debug", 0, NULL, "log every detail", false},
    {"tasks-die", 0, NULL, "with the agent", true},
    {0},
};

static const struct flag dev_flags[] = {
    {"nodes", 0, "N", "how many agents (default: 3)", false},
    {"dir", 0, "DIR", "keep everything here (default: a new one, removed at the end)",
     false},
    {"detach", 0, NULL, "leave them running in the background", false},
    {"stop", 0, NULL, "end the detached agents of --dir", false},
    {"tasks-survive", 0, NULL,
     "a killed node's tasks go on, as when an agent is upgraded", false},
    {"profile", 0, "lan|wan|local", "how patient gossip is (default: local)", false},
    {0},
};

static const struct flag demo_http_flags[] = {
    {"port", 0, "N", "listen here (default: PORT, or 8080)", false},
    {"fail-health-after", 0, "D", "GET /health fails from then on", false},
    {0},
};

static const struct flag run_flags[] = {
    {"detach", 0, NULL, "do not wait until it is healthy", false},
    {"timeout", 0, "D", "wait this long (default: 5m)", false},
    {"if-version", 0, "N", "only if the job's version is N now", false},
    {"ack", 0, "N|majority|all", "how many members must have it first", false},
    {"yes", 'y', NULL, "no questions", false},
    {0},
};

static const struct flag follow_flags[] = {
    {"detach", 0, NULL, "do not wait for the outcome", false},
    {"timeout", 0, "D", "wait this long (default: 5m)", false},
    {0},
};

static const struct flag rm_flags[] = {
    {"yes", 'y', NULL, "no questions", false},
    {0},
};

static const struct flag logs_flags[] = {
    {"follow", 'f', NULL, "go on as lines come", false},
    {"since", 0, "D", "only what is younger: 10m", false},
    {"stderr", 0, NULL, "the error stream instead of the output", false},
    {0},
};

static const struct flag events_flags[] = {
    {"follow", 'f', NULL, "go on as they happen", false},
    {"limit", 'n', "N", "the last N (default: 100)", false},
    {0},
};

static const struct flag inspect_flags[] = {
    {"file", 0, NULL, "as a job file (YAML) that `run` takes", false},
    {0},
};

static const struct flag init_flags[] = {
    {"batch", 0, NULL, "a job that ends", false},
    {0},
};

static const struct flag gossip_flags[] = {
    {"all", 0, NULL, "and how far each writer's news is known", false},
    {0},
};

static const struct flag rotate_flags[] = {
    {"force", 0, NULL, "also where that locks out a node that is away", false},
    {"detach", 0, NULL, "do not wait for the outcome", false},
    {"timeout", 0, "D", "wait this long (default: 5m)", false},
    {0},
};

static const struct flag help_flags[] = {
    {"markdown", 0, NULL, "everything, as docs/CLI.md", false},
    {0},
};

#define JOBS "Jobs"
#define CLUSTER "Cluster"
#define SERVICES "Services"
#define VARIABLES "Variables"
#define OPERATE "Operate"
#define BRING "Bring"

static const struct command table[] = {
    {"init", JOBS, "[NAME]", "write a commented job file to start from", NULL,
     "stratos init web", 0, 1, init_flags, verb_init},
    {"validate", JOBS, "FILE",
     "say everything that is wrong with a job file; needs no agent", NULL,
     "stratos validate web.yaml", 1, 1, NULL, verb_validate},
    {"run", JOBS, "FILE|-", "submit the jobs of a file and follow until they are healthy",
     "Ends with 4 when it cannot be placed, 5 when its instances fail, 7 on a version "
     "conflict,\n"
     "124 at the timeout.  Ctrl-C stops watching, not the work.",
     "stratos run web.yaml --timeout 2m", 1, 1, run_flags, verb_run},
    {"status", JOBS, "[JOB|JOB.N|NODE]", "what runs where, and how it is", NULL,
     "stratos status web", 0, 1, NULL, verb_status},
    {"jobs", JOBS, "", "all jobs", NULL, "stratos jobs --json", 0, 0, NULL, verb_jobs},
    {"why", JOBS, "JOB|JOB.N", "why it is where it is, and not elsewhere", NULL,
     "stratos why web.0", 1, 1, NULL, verb_why},
    {"logs", JOBS, "JOB[.N]", "what its tasks wrote; all instances, or one", NULL,
     "stratos logs web.0 -f", 1, 1, logs_flags, verb_logs},
    {"scale", JOBS, "JOB N", "change how many instances run", NULL, "stratos scale web 5",
     2, 2, follow_flags, verb_scale},
    {"restart", JOBS, "JOB", "start every instance anew, a few at a time", NULL,
     "stratos restart web", 1, 1, follow_flags, verb_restart},
    {"stop", JOBS, "JOB", "stop every instance; the job stays known", NULL,
     "stratos stop web", 1, 1, follow_flags, verb_stop},
    {"start", JOBS, "JOB", "start a stopped job", NULL, "stratos start web", 1, 1,
     follow_flags, verb_start},
    {"rm", JOBS, "JOB", "stop a job and forget it", NULL, "stratos rm web", 1, 1,
     rm_flags, verb_rm},
    {"history", JOBS, "JOB", "its versions: when, by whom, what came of them", NULL,
     "stratos history web", 1, 1, NULL, verb_history},
    {"inspect", JOBS, "JOB[@vN|@HASH]", "the spec that is in force, or another version's",
     "`history` shows the hashes.  What lost to a concurrent submission can be seen as "
     "well, "
     "and\n"
     "submitted again with `run`.",
     "stratos inspect web@v3 --file", 1, 1, inspect_flags, verb_inspect},

    {"members", CLUSTER, "", "the nodes: alive, suspect, dead, left", NULL,
     "stratos members", 0, 0, NULL, verb_members},
    {"gossip", CLUSTER, "", "who agrees with whom, and who is behind", NULL,
     "stratos gossip --all", 0, 0, gossip_flags, verb_gossip},
    {"trace", CLUSTER, "JOB[@vN]", "who has heard of a job's version", NULL,
     "stratos trace web@v7", 1, 1, NULL, verb_trace},
    {"events", CLUSTER, "", "what happened", NULL, "stratos events -f", 0, 0,
     events_flags, verb_events},
    {"join", CLUSTER, "ADDR", "tell the agent of a peer", NULL,
     "stratos join 10.0.0.7:7780", 1, 1, NULL, verb_join},
    {"leave", CLUSTER, "", "move this node's work away and depart", NULL, "stratos leave",
     0, 0, NULL, verb_leave},
    {"forget", CLUSTER, "NODE", "drop a dead node and all it published", NULL,
     "stratos forget n3", 1, 1, NULL, verb_forget},

    {"services", SERVICES, "[NAME]", "services and their endpoints", NULL,
     "stratos services web", 0, 1, NULL, verb_services},
    {"resolve", SERVICES, "NAME", "what DNS answers for a name, and what it leaves out",
     NULL, "stratos resolve web.service.stratos", 1, 1, NULL, verb_resolve},

    {"var set", VARIABLES, "NAME VALUE", "keep a small value on every node", NULL,
     "stratos var set shop/greeting hello", 2, 2, NULL, verb_var_set},
    {"var get", VARIABLES, "NAME", "print its value", NULL,
     "stratos var get shop/greeting", 1, 1, NULL, verb_var_get},
    {"var ls", VARIABLES, "", "all variables", NULL, "stratos var ls", 0, 0, NULL,
     verb_var_ls},
    {"var rm", VARIABLES, "NAME", "delete one", NULL, "stratos var rm shop/greeting", 1,
     1, NULL, verb_var_rm},

    {"agent", OPERATE, "", "run this host's node", NULL,
     "stratos agent --secret-file /etc/stratos/secret --join 10.0.0.1", 0, 0, agent_flags,
     verb_agent},
    {"dev", OPERATE, "", "a cluster of agents on this machine, to try things",
     "Node i is on 127.77.0.i; DIR/n1/stratos.sock is the socket of the first.  Ctrl-C "
     "stops all\n"
     "agents and their tasks.  DIR/n1/agent.pid holds the agent's pid: kill -9 it to see "
     "what a\n"
     "lost host does.",
     "stratos dev --nodes 3", 0, 0, dev_flags, verb_dev},
    {"demo-http", OPERATE, "", "a tiny server to schedule: says which instance answered",
     NULL, "stratos demo-http --port 8080", 0, 0, demo_http_flags, verb_demo_http},
    {"secret new", OPERATE, "", "print a new secret for a cluster", NULL,
     "stratos secret new > /etc/stratos/secret", 0, 0, NULL, verb_secret_new},
    {"secret rotate", OPERATE, "", "give all nodes a new secret while they run",
     "Every agent writes it to its secret file.  A node that is away meanwhile needs "
     "that\n"
     "file copied to it.",
     "stratos secret rotate", 0, 0, rotate_flags, verb_secret_rotate},
    {"version", OPERATE, "", "this program's version", NULL, "stratos version", 0, 0,
     NULL, verb_version},
    {"help", OPERATE, "[COMMAND]", "this, or one command in full", NULL,
     "stratos help run", 0, 2, help_flags, verb_help},

    {"import", BRING, "marathon FILE|-", "turn a foreign job file into ours",
     "The job file goes to stdout, what was not carried over to stderr, line by line.",
     "stratos import marathon app.json > web.yaml", 2, 2, NULL, verb_import},
};

const struct command *command_table(size_t *ret_n)
{
    *ret_n = sizeof(table) / sizeof(table[0]);
    return table;
}

const struct command *command_find(const char *first, const char *second, int *ret_used)
{
    size_t len = strlen(first);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const char *name = table[i].name;
        if (strcmp(name, first) == 0) {
            *ret_used = 1;
            return &table[i];
        }
        bool is_pair = strncmp(name, first, len) == 0 && name[len] == ' ';
        if (is_pair && second && strcmp(name + len + 1, second) == 0) {
            *ret_used = 2;
            return &table[i];
        }
    }
    return NULL;
}
