/* loop.c - the sender's event loop. */
#include "loop.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "approval.h"
#include "backoff.h"
#include "ballast.h"
#include "breaker.h"
#include "clock.h"
#include "intake.h"
#include "join.h"
#include "log.h"
#include "pruning.h"
#include "sealing.h"
#include "secrets.h"
#include "target.h"

#define ROUGH_US (1 * US_PER_S)		/* after a failure, before trying again */
#define TROUBLE_DOUBLINGS 5		/* of that, where it goes on failing */
#define GRACE_US (5 * US_PER_S)		/* for what is in the air when told to end */
#define SYNC_US (2 * US_PER_S)		/* the trail's cursor */
#define PACED_US (60 * US_PER_S)	/* one pass waits for a rate as long as this */
#define HOUSE_US (600 * US_PER_S)
#define JUMP_US (30 * US_PER_S)		/* of the wall's clock: more is no drift */

static int signal_fd = -1;
static bool stopped;

/* Of a stage that fails by itself: it is tried again later, and nothing else waits for it. */
struct trouble {
	int64_t again;			/* not before this (monotonic) */
	int times;			/* in a row; 0: it is well */
	struct err e;
};

struct loop {
	struct sender *s;
	struct attempts *t;
	struct sealing *sealing;
	enum loop_mode mode;
	int watch;			/* inotify, -1 none */
	struct pruning pruning;
	int64_t rescan, sync, tidy, expiry;	/* monotonic: when next */
	int64_t deadline;		/* of the grace, once stopped */
	int64_t rough;			/* nothing is tried before this (monotonic) */
	struct trouble intake, trail, house;
	enum { ROOM_UNKNOWN, ROOM, NO_ROOM } room;	/* for the ballast; ROOM: it is there */
	int64_t room_again;
	char told[LIMIT_ERR];		/* the last failure of a turn: not each second again */
	int64_t ahead;			/* of the wall's clock, of the monotonic one */
	struct join_state join;
	bool spool, joins;		/* something may be there */
	int rescans;			/* rounds in which the spool was read */
};

int loop_signals(struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return signal_fd < 0 ? err_sys(e, "cannot watch for signals") : 0;
}

bool loop_stopped(void)
{
	return stopped;
}

/* A hint only: without inotify the rescan finds the files. */
static int watch_spool(const struct spool_paths *p)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	if (fd < 0)
		return -1;
	inotify_add_watch(fd, p->new_, IN_MOVED_TO);
	inotify_add_watch(fd, p->drop, IN_MOVED_TO);
	return fd;
}

static void drain(int fd)
{
	char b[4096];

	while (fd >= 0 && read(fd, b, sizeof(b)) > 0)
		;
}

/* ---- signals ---- */

static void secret_broken(const struct err *e)
{
	log_warn("%s; what it held before stays in force", e->text);
}

static void reload_secrets(const struct config *c)
{
	const char *path;

	for (size_t i = 0; i < c->npipelines; i++)
		for (size_t n = 0; config_secret_file(&c->pipelines[i], n, &path); n++)
			secrets_keep(path);
	secrets_refresh(secret_broken);
}

static int read_config(const char *path, struct config **out, struct err *e)
{
	if (config_load(path, out, e))
		return -1;
	if (!targets_check(*out, e))
		return 0;
	config_free(*out);
	return -1;
}

static void reload(struct loop *l)
{
	struct config *c;
	struct err e;

	if (read_config(l->s->config->path, &c, &e)) {
		log_warn("the configuration was not reloaded, the old one stays in force: %s", e.text);
		return;
	}
	if (strcmp(c->state_dir, l->s->config->state_dir)) {
		log_warn("state-dir cannot change in a running sender; the old configuration stays");
		config_free(c);
		return;
	}
	config_free(l->s->config);
	l->s->config = c;
	l->joins = true;
	reload_secrets(c);
	log_info("configuration reloaded from %s", c->path);
}

static void read_signals(struct loop *l)
{
	struct signalfd_siginfo i;

	while (read(signal_fd, &i, sizeof(i)) == (ssize_t)sizeof(i)) {
		if (i.ssi_signo == SIGHUP) {
			reload(l);
		} else if (!stopped) {
			stopped = true;
			l->deadline = clock_mono_us() + GRACE_US;
		}
	}
}

/* ---- trouble ---- */

/* The disk is full: with the ballast's room what is under way can be settled. */
static bool make_room(struct loop *l, const struct err *e)
{
	struct err why;

	if (!ballast_would_help(e) || !ballast_give_up(l->s->paths.ballast))
		return false;
	log_warn("%s; %s was given up: what is under way goes on, and nothing new is taken in "
		"until there is room", e->text, l->s->paths.ballast);
	if (queue_shrink(l->s->queue, &why))
		log_warn("%s", why.text);
	l->room = NO_ROOM;
	l->room_again = clock_mono_us() + RESCAN_US;
	l->spool = l->joins = true;
	return true;
}

static void keep_room(struct loop *l)
{
	struct err e;
	int laid;

	if (l->room == ROOM || clock_mono_us() < l->room_again)
		return;
	l->room_again = clock_mono_us() + RESCAN_US;
	laid = ballast_lay(l->s->paths.ballast, &e);
	if (laid > 0 && l->room == NO_ROOM) {
		log_info("there is room again: %s is laid", l->s->paths.ballast);
		l->spool = true;
	}
	l->room = laid > 0 ? ROOM : laid ? ROOM_UNKNOWN : NO_ROOM;
}

static void trouble(struct loop *l, struct trouble *t, const struct err *e, const char *then)
{
	int64_t wait = ROUGH_US << (t->times < TROUBLE_DOUBLINGS ? t->times : TROUBLE_DOUBLINGS);

	if (l->mode != LOOP_ONCE && (!t->times || strcmp(t->e.text, e->text) != 0))
		log_warn("%s; %s", e->text, then);
	t->e = *e;
	t->times++;
	t->again = l->mode == LOOP_ONCE ? INT64_MAX : clock_mono_us() + wait;
}

static void is_well(struct trouble *t, const char *what)
{
	if (t->times)
		log_info("%s again", what);
	*t = (struct trouble){ 0 };
}

/* A single pass ends with what it had to leave undone. */
static int left_undone(const struct loop *l, struct err *e)
{
	const struct trouble *all[] = { &l->intake, &l->house };

	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
		if (all[i]->times && l->mode == LOOP_ONCE) {
			*e = all[i]->e;
			return -1;
		}
	return 0;
}

/* ---- one turn ---- */

static int no_room(const struct loop *l, struct err *e)
{
	return err_set(e, ERR_TEMP, "less than %" PRId64 " KiB are free beside %s: what is in the spool "
		"stays there until there is room", 2 * ballast_size(l->s->paths.ballast) / KIB,
		l->s->paths.queue);
}

static void take_in(struct loop *l)
{
	struct err e;
	int n;

	if (!l->spool)
		return;
	l->spool = false;
	if (clock_mono_us() < l->intake.again)
		return;
	if (l->room == NO_ROOM && intake_waiting(l->s))
		n = no_room(l, &e);
	else
		n = intake_run(l->s, &e);
	l->spool = n > 0;		/* what came meanwhile */
	l->joins = l->joins || n > 0;
	if (n < 0 && !make_room(l, &e))
		trouble(l, &l->intake, &e, "it is tried again");
	else if (n >= 0)
		is_well(&l->intake, "the spool is taken in");
}

static bool join_due(const struct loop *l)
{
	return l->joins || l->join.busy || l->join.more ||
		(l->join.next_us && l->join.next_us <= clock_wall_us());
}

static int join(struct loop *l, struct err *e)
{
	int n;

	if (!join_due(l))
		return 0;
	n = join_run(l->s, &l->join, e);
	if (n < 0)
		return -1;
	l->joins = n > 0;		/* what a step left behind: look once more */
	return 0;
}

/* With free slots for a quarter, or nothing else to do: fewer, fuller transactions. */
static bool room(const struct loop *l)
{
	size_t running = attempts_running(l->t) - attempts_settled(l->t), max = (size_t)l->s->config->concurrency;

	return running == 0 || max - running >= (max + 3) / 4;
}

static int send(struct loop *l, struct err *e)
{
	bool claim = !stopped && room(l), begun = l->join.begun;

	l->join.begun = false;
	if (!begun && !claim && !attempts_dirty(l->t))
		return 0;
	if (!attempts_turn(l->t, claim, begun, e))
		return 0;
	l->joins = l->joins || begun;	/* it was undone, too */
	return -1;
}

static int tell(struct loop *l, struct err *e)
{
	int64_t now = clock_mono_us();

	if (trail_export(l->s->trail, e) < 0)
		return -1;
	if (now < l->sync)
		return 0;
	l->sync = now + SYNC_US;
	return trail_sync(l->s->trail, e) || sealing_step(l->sealing, l->s, e) ? -1 : 0;
}

static void write_trail(struct loop *l)
{
	struct err e;

	if (clock_mono_us() < l->trail.again)
		return;
	if (tell(l, &e))
		trouble(l, &l->trail, &e, "its records wait in the queue, none is lost");
	else
		is_well(&l->trail, "the trail is written");
}

static int64_t longest_wait(const struct config *c)
{
	int64_t longest = backoff_longest_us(NULL);

	for (size_t i = 0; i < c->npipelines; i++) {
		int64_t own = backoff_longest_us(&c->pipelines[i].retry_schedule);

		longest = own > longest ? own : longest;
	}
	return longest / 10 * 12;
}

static void tidy_spool(struct loop *l)
{
	struct err e;

	if (spool_prune(&l->s->paths, clock_wall_us(), &e) < 0 ||
	    (l->mode != LOOP_LINGER && spool_note_ran(&l->s->paths, &e)))
		trouble(l, &l->house, &e, "it is tried again");
	else
		is_well(&l->house, "the spool is kept tidy");
}

/* Due times lie no later than the longest back-off from now, however the clock moved. */
static int keep_house(struct loop *l, struct err *e)
{
	int64_t now = clock_mono_us();

	if (now < l->tidy)
		return 0;
	l->tidy = now + HOUSE_US;
	tidy_spool(l);
	now = clock_wall_us();
	return queue_clamp_due(l->s->queue, now + longest_wait(l->s->config) +
		24 * 3600 * US_PER_S, now + BREAKER_PROBE_US, e);
}

/* Once a second: what nobody approved in time fails, and lets the next of its lane go. */
static int expire(struct loop *l, struct err *e)
{
	int64_t now = clock_mono_us();

	if (now < l->expiry)
		return 0;
	l->expiry = now + US_PER_S;
	return approval_expire(l->s, e);
}

/* The clock was set under our feet: times in the queue go with it. Between two looks our
   clock only runs on, so that no time of after the jump is moved with those of before. */
static int mind_the_clock(struct loop *l, struct err *e)
{
	int64_t ahead = clock_ahead_us(), jump = ahead - l->ahead;

	if (llabs(jump) < JUMP_US) {
		clock_follow(l->ahead = ahead);
		return 0;
	}
	if (queue_shift(l->s->queue, jump, e))
		return -1;
	log_warn("the clock was set %s by %lld s; whatever waits goes on waiting for as long as it had "
		"to", jump < 0 ? "back" : "forward", (long long)(llabs(jump) / US_PER_S));
	clock_follow(l->ahead = ahead);
	l->s->jumped_us += jump;
	pruning_postpone(&l->pruning);
	l->joins = true;
	return 0;
}

static int turn(struct loop *l, struct err *e)
{
	keep_room(l);
	if (!stopped)
		take_in(l);
	if (!stopped && (expire(l, e) || join(l, e)))
		return -1;
	if (send(l, e) || keep_house(l, e))
		return -1;
	write_trail(l);
	return l->mode == LOOP_WATCH && !stopped ? pruning_step(&l->pruning, l->s, e) : 0;
}

/* ---- waiting ---- */

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Microseconds until something is to be done of itself. */
static int64_t until_next(const struct loop *l, int64_t due_us)
{
	int64_t wall = clock_wall_us(), mono = clock_mono_us(), wait = l->rescan - mono;

	if (l->rough > mono)
		return l->rough - mono;
	if (attempts_dirty(l->t) || (!stopped && (l->spool || l->joins || l->join.more)))
		return 0;
	if (l->join.busy)
		wait = earlier(wait, 50000);
	if (l->join.next_us)
		wait = earlier(wait, l->join.next_us - wall);
	if (due_us && !stopped && room(l))
		wait = earlier(wait, due_us - wall);
	if (!stopped)
		wait = earlier(wait, pruning_wait_us(&l->pruning));
	return wait > 0 ? wait : 0;
}

/* Anything that this mode stays for? */
static bool leave(const struct loop *l, const struct queue_due *due)
{
	int64_t now = clock_wall_us();

	if (stopped)
		return !attempts_running(l->t) || clock_mono_us() >= l->deadline;
	if (l->mode == LOOP_WATCH || attempts_running(l->t) || l->spool || l->joins ||
	    l->join.more || l->join.busy || l->join.next_us ||
	    (l->mode == LOOP_LINGER && l->intake.times))
		return false;
	if (!due->us)
		return true;
	if (l->mode == LOOP_ONCE)
		return due->us > now + (due->paced ? PACED_US : 0);
	return due->us > now + LINGER_US;
}

static int wait(struct loop *l, int64_t due_us, struct err *e)
{
	const int from[] = { signal_fd, l->watch, pool_fd(l->s->pool), attempts_fd(l->t),
		courier_fd(l->s->courier) };
	struct pollfd fds[sizeof(from) / sizeof(*from)];
	int64_t us = until_next(l, due_us);

	for (size_t i = 0; i < sizeof(from) / sizeof(*from); i++)
		fds[i] = (struct pollfd){ .fd = from[i], .events = POLLIN };
	if (poll(fds, sizeof(from) / sizeof(*from), (int)((us + 999) / 1000)) < 0 && errno != EINTR)
		return err_sys(e, "poll");
	read_signals(l);
	if (l->watch >= 0) {
		char b[4096];

		while (read(l->watch, b, sizeof(b)) > 0)
			l->spool = true;
	}
	if (clock_mono_us() >= l->rescan) {
		l->rescan = clock_mono_us() + RESCAN_US;
		l->spool = true;
	}
	return courier_check(l->s->courier, e);
}

/* What came back is judged by the clock as it is now. */
static int step(struct loop *l, struct queue_due *due, struct err *e)
{
	bool calm = clock_mono_us() >= l->rough;

	if (mind_the_clock(l, e))
		return -1;
	attempts_collect(l->t);
	if ((calm && turn(l, e)) ||
	    queue_next_due(l->s->queue, attempts_door(l->t), clock_wall_us(), due, e))
		return -1;
	if (calm && *l->told)
		log_info("the queue can be written again");
	if (calm)
		l->told[0] = 0;
	return 0;
}

/* A resident rides out a full disk or a busy queue; a damaged queue ends it. */
static int rough(struct loop *l, struct err *e)
{
	if (make_room(l, e))
		return 0;
	if (l->mode == LOOP_ONCE || stopped || e->code == ERR_DATA || e->code == ERR_CONFIG ||
	    e->code == ERR_BUG)
		return -1;
	if (strcmp(l->told, e->text) != 0)
		log_err(e);
	memcpy(l->told, e->text, sizeof(l->told));
	l->rough = clock_mono_us() + ROUGH_US;
	l->spool = l->joins = true;
	return 0;
}

int loop_run(struct sender *s, struct attempts *t, enum loop_mode mode, struct err *e)
{
	struct loop l = { .s = s, .t = t, .sealing = sealing_open(), .mode = mode, .spool = true, .joins = true,
		.watch = watch_spool(&s->paths), .rescan = clock_mono_us() + RESCAN_US };
	struct queue_due due = { 0 };
	int failed;

	clock_follow(l.ahead = clock_ahead_us());
	failed = queue_mend_future(s->queue, clock_wall_us(), e);
	while (!failed) {
		if (step(&l, &due, e) && (failed = rough(&l, e)))
			break;
		if (leave(&l, &due))
			break;
		failed = wait(&l, due.us, e);
	}
	drain(l.watch);
	if (l.watch >= 0)
		close(l.watch);
	sealing_close(l.sealing);
	if (!failed && (trail_export(s->trail, e) < 0 || trail_sync(s->trail, e) ||
			(mode != LOOP_WATCH && !stopped && pruning_finish(&l.pruning, s, e))))
		failed = -1;
	return failed ? failed : left_undone(&l, e);
}
