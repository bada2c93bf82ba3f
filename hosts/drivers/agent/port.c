// The virtio port that leads to the host, and the kernel's driver for such ports.
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

#define PORT_NAME "org.cowweb.agent.0"
#define PORTS "/sys/class/virtio-ports"

// Where nothing has loaded it: a guest without udev and without QEMU's agent has no other use for it.
void port_driver_load(void)
{
	static char *const arguments[] = {"modprobe", "-q", "virtio_console", NULL};
	static char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
	static const char *const places[] = {"/sbin/modprobe", "/usr/sbin/modprobe"};
	pid_t child;
	for (int i = 0; access(PORTS, F_OK) && i < 2; i++)
		if (!posix_spawn(&child, places[i], NULL, NULL, arguments, environment))
			waitpid(child, NULL, 0);
}

int port_open(void)
{
	// udev's names need udev; the kernel's are always there.
	DIR *folder = opendir(PORTS);
	int found = -1;
	for (struct dirent *entry; folder && found < 0 && (entry = readdir(folder));) {
		char path[sizeof PORTS "/" + 256 + 8], name[sizeof PORT_NAME] = "";
		strcpy(stpcpy(stpcpy(path, PORTS "/"), entry->d_name), "/name");
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		ssize_t length = read(fd, name, sizeof name);
		close(fd);
		if (length != sizeof name || memcmp(name, PORT_NAME "\n", sizeof name) != 0)
			continue;
		strcpy(stpcpy(path, "/dev/"), entry->d_name);
		found = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	}
	if (folder)
		closedir(folder);
	return found;
}

int port_listen(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address.sun_path)
		return -1;
	strcpy(address.sun_path, path);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4))
		return -1;
	return listener;
}
