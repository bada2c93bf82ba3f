// QEMU's own agent. Ten times a second it asks whether its port has a host, and of what an idle guest does that
// is the most, so it is held still while our host has gone. A command for us lets it go on.
#define _GNU_SOURCE
#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"

#define NAME "qemu-ga\n"

static pid_t neighbour;    // 0: not looked for, or not there
static bool rests = true;  // perhaps: an agent before us may have held it

static bool is_neighbour(const char *pid)
{
	char name[sizeof NAME + 1];
	return atoi(pid) > 1 && read_proc(pid, "comm", name, sizeof name) > 0 && !strcmp(name, NAME);
}

static void look_for_it(void)
{
	DIR *folder = opendir("/proc");
	neighbour = 0;
	for (struct dirent *entry; folder && !neighbour && (entry = readdir(folder));)
		if (is_neighbour(entry->d_name))
			neighbour = (pid_t)atoi(entry->d_name);
	if (folder)
		closedir(folder);
}

void neighbour_rest(void)
{
	if (*root_prefix)
		return;
	look_for_it();  // it may have been started anew
	rests = neighbour && !kill(neighbour, SIGSTOP);
}

void neighbour_wake(void)
{
	if (*root_prefix || !rests)
		return;
	if (!neighbour)
		look_for_it();
	if (neighbour)
		kill(neighbour, SIGCONT);
	rests = false;
}
