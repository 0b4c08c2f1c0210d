/*
 * collector/serve/api.h - the collector's HTTP API on a Unix socket: the same
 * documents that reading commands make of a trace file, of the live session.
 *
 *   GET /v1/status                        session, pid, trace, events so far; state, rules, limits
 *   GET /v1/list                          what is ordered: state, rules, limits, the log
 *   GET /v1/report?top=N                  as ownscope report --json
 *   GET /v1/sites?top=N                   the sites of a report alone
 *   GET /v1/threads?top=N                 as ownscope threads --json
 *   GET /v1/states                        what each running thread does now: as ownscope states --json
 *       …&thread=ID&process=ID&pid=PID    only that one's
 *       …&stacks=1                        with native stacks: each is stopped for some microseconds
 *   GET /v1/locks?top=N                   as ownscope locks --json
 *   GET /v1/copies?top=N                  as ownscope copies --json
 *   GET /v1/findings?top=N                as ownscope findings --json
 *       …&suppressions=/PATH              as --suppressions, also of a report; more than once
 *       …&default-suppressions=no         as --default-suppressions
 *       …&blocks=1                        as --gen-suppressions
 *   GET /v1/history?id=ID                 as ownscope history --json ID
 *   GET /v1/events?top=N                  as ownscope events --json
 *   GET /v1/export?format=json&events=1&all=1
 *   …&at=TIME                             each but status: the state at that moment
 *
 *   POST /v1/snapshot?process=p1          takes a heap snapshot (pid=PID: of that process; neither: of the
 *                                         one that runs): what ownscope ctl snapshot --json prints
 *   POST /v1/dump                         writes what --ring-only has in memory to a file
 *   POST /v1/mark?name=NAME               sets a mark
 *   POST /v1/start  /v1/stop  /v1/reset  /v1/emergency-stop      orders: serve/control.h
 *   POST /v1/trace?words=RULE  /v1/untrace?words=N|all  /v1/limits?words=K=V…
 *   POST /v1/flush                        writes out the trace, and says where it is
 *
 * Errors are {"error":"…"} with a fitting status. Only root and the socket's
 * owner are answered (SO_PEERCRED), everybody else gets 403.
 *
 * Runs in threads of its own with all signals blocked. Never blocks the ingest
 * thread: documents are made of published views or of the trace file.
 */
#ifndef OWNSCOPE_API_H
#define OWNSCOPE_API_H

struct api;
struct collector;

/* Listens at socket_path (made, mode 0600). 0, or -errno. */
int api_start(struct api **api, struct collector *collector, const char *socket_path);
/* Ends all connections, removes the socket. NULL is fine. */
void api_stop(struct api *api);

#endif
