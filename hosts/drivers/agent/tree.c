// Ends a command with everything it started: its session, its descendants, and whatever carries its token in
// the environment, which also finds what detached itself. TERM first, then KILL until nothing is left.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

enum { TREES = 8, AGAIN_MS = 50, MEMBERS = 4096, ENVIRON = 512 * 1024 };
static const int64_t GIVE_UP_US = 4500 * 1000;

struct tree {
	uint32_t id;
	pid_t leader;
	char mark[sizeof "COWWEB_RUN=" + TOKEN_SIZE];  // empty: no token
	int64_t next, force, give_up;                  // next: 0 where the place is free
};

static struct tree trees[TREES];
static pid_t members[MEMBERS];  // of the tree that is looked at
static int member_count;

ssize_t read_proc(const char *pid, const char *file, char *bytes, size_t size)
{
	char path[64];
	if (strlen(pid) > 20)
		return -1;
	strcpy(stpcpy(stpcpy(stpcpy(path, "/proc/"), pid), "/"), file);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	size_t have = 0;
	for (ssize_t got; have < size - 1 && (got = read(fd, bytes + have, size - 1 - have)) > 0;)
		have += (size_t)got;
	close(fd);
	bytes[have] = 0;
	return (ssize_t)have;
}

static bool carries(const char *pid, const char *mark)
{
	static char environment[ENVIRON];
	size_t length = strlen(mark) + 1;
	ssize_t have = *mark ? read_proc(pid, "environ", environment, sizeof environment) : 0;
	for (char *at = environment; have > 0; at++) {
		at = memmem(at, (size_t)(environment + have - at), mark, length);
		if (!at)
			return false;
		if (at == environment || !at[-1])
			return true;
	}
	return false;
}

static bool is_member(pid_t pid)
{
	for (int i = 0; i < member_count; i++)
		if (members[i] == pid)
			return true;
	return false;
}

static bool belongs(const struct tree *tree, const char *pid)
{
	char stat[1024];
	if (read_proc(pid, "stat", stat, sizeof stat) <= 0)
		return false;
	char *state = strrchr(stat, ')');  // the name before it may contain anything
	if (!state || strlen(state) < 4 || state[2] == 'Z' || state[2] == 'X')
		return false;
	char *at = state + 3;
	pid_t parent = (pid_t)strtol(at, &at, 10);
	strtol(at, &at, 10);
	pid_t session = (pid_t)strtol(at, &at, 10);
	if (tree->leader && (session == tree->leader || atoi(pid) == tree->leader || is_member(parent)))
		return true;
	return carries(pid, tree->mark);
}

// Signals every member once; returns how many there were.
static int signal_all(struct tree *tree, int number)
{
	DIR *folder = opendir("/proc");
	member_count = 0;
	for (struct dirent *entry; folder && (entry = readdir(folder));) {
		pid_t pid = (pid_t)atoi(entry->d_name);
		if (pid <= 1 || pid == getpid() || member_count == MEMBERS || !belongs(tree, entry->d_name))
			continue;
		members[member_count++] = pid;
	}
	if (folder)
		closedir(folder);
	for (int i = 0; i < member_count; i++) {
		kill(members[i], number);
		if (number == SIGTERM)
			kill(members[i], SIGCONT);  // a stopped one would not hear it
	}
	return member_count;
}

void tree_kill(uint32_t id, const unsigned char *payload, size_t length)
{
	struct tree *tree = trees;
	while (tree < trees + TREES && tree->next)
		tree++;
	if (length < 8 || length - 8 > TOKEN_SIZE || tree == trees + TREES)
		return send_end(id, length < 8 || length - 8 > TOKEN_SIZE ? EINVAL : EBUSY, 0);
	memset(tree, 0, sizeof *tree);
	tree->id = id;
	tree->leader = channel_discard(get32(payload));
	if (length > 8)
		memcpy(stpcpy(tree->mark, "COWWEB_RUN="), payload + 8, length - 8);
	int64_t now = now_us();
	tree->force = now + get32(payload + 4) * 1000LL;
	tree->give_up = now + GIVE_UP_US;
	signal_all(tree, SIGTERM);
	tree->next = now + 1;
}

static void tick(struct tree *tree, int64_t now)
{
	int left = signal_all(tree, now >= tree->force ? SIGKILL : 0);
	if (left && now < tree->give_up) {
		tree->next = now + AGAIN_MS * 1000;
		return;
	}
	tree->next = 0;
	send_end(tree->id, 0, (uint32_t)left);
}

int trees_tick(void)
{
	int64_t now = 0, soonest = INT64_MAX;
	for (struct tree *tree = trees; tree < trees + TREES; tree++) {
		if (!tree->next)
			continue;
		now = now ? now : now_us();
		if (now >= tree->next && frame_room(REPLY_MAX))
			tick(tree, now);
		if (tree->next && tree->next < soonest)
			soonest = tree->next;
	}
	if (soonest == INT64_MAX)
		return -1;
	return soonest <= now ? 10 : (int)((soonest - now) / 1000) + 1;
}
