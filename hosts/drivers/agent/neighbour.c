// QEMU's own agent. Ten times a second it asks whether its port has a host, and of what an idle guest does that
// is the most, so it is held still while our host has gone. A command for us lets it go on.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent.h"

#define NAME "qemu-ga\n"

static pid_t neighbour;    // 0: not looked for, or not there
static bool rests = true;  // perhaps: an agent before us may have held it

static bool is_neighbour(const char *pid)
{
	char path[64], name[sizeof NAME] = "";
	if (strlen(pid) > 20 || atoi(pid) <= 1)
		return false;
	strcpy(stpcpy(stpcpy(path, "/proc/"), pid), "/comm");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t length = read(fd, name, sizeof name);
	close(fd);
	return length == sizeof NAME - 1 && !memcmp(name, NAME, sizeof NAME - 1);
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
