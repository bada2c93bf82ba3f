// The SSH servers' keys: one Ed25519 key made by the host, and none of those that the template had.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"

enum { SKIPPED = -1, SERVERS = 8 };

static bool is_folder(const char *path)
{
	char full[PATH_SIZE];
	struct stat there;
	return rooted(full, path) && !stat(full, &there) && S_ISDIR(there.st_mode);
}

// Everything in the folder whose name begins like this, but for the names to keep.
static void remove_others(const char *folder, const char *prefix, const char *keep)
{
	char full[PATH_SIZE], path[PATH_SIZE + 258];
	DIR *entries = rooted(full, folder) ? opendir(full) : NULL;
	for (struct dirent *entry; entries && (entry = readdir(entries));) {
		const char *name = entry->d_name;
		if (strncmp(name, prefix, strlen(prefix)) != 0 || !strcmp(name, keep))
			continue;
		if (!strncmp(name, keep, strlen(keep)) && !strcmp(name + strlen(keep), ".pub"))
			continue;
		strcpy(stpcpy(stpcpy(path, full), "/"), name);
		unlink(path);
	}
	if (entries)
		closedir(entries);
}

int openssh_take(const struct field *private_key, const struct field *public_key)
{
	if (!is_folder("/etc/ssh"))
		return SKIPPED;
	remove_others("/etc/ssh", "ssh_host_", "ssh_host_ed25519_key");
	int error = write_file("/etc/ssh/ssh_host_ed25519_key", private_key->bytes, private_key->length, 0600);
	if (!error && public_key->bytes)
		error = write_file("/etc/ssh/ssh_host_ed25519_key.pub", public_key->bytes, public_key->length, 0644);
	return error;
}

int dropbear_take(const struct field *key, const struct field *private_key)
{
	int error = SKIPPED;
	// Our own guests keep it here, and beside it the text that it was made from.
	if (is_folder("/etc/cowweb")) {
		error = write_file("/etc/cowweb/host_key", key->bytes, key->length, 0600);
		if (!error)
			error = write_file("/etc/cowweb/host_key.pem", private_key->bytes, private_key->length, 0600);
	}
	if (error > 0 || !is_folder("/etc/dropbear"))
		return error;
	remove_others("/etc/dropbear", "dropbear_", "dropbear_ed25519_host_key");
	return write_file("/etc/dropbear/dropbear_ed25519_host_key", key->bytes, key->length, 0600);
}

// ---- Servers that run already

static size_t read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, text, size - 1);
	if (fd >= 0)
		close(fd);
	text[length > 0 ? length : 0] = 0;
	return length > 0 ? (size_t)length : 0;
}

static bool is_called(pid_t pid, const char *name)
{
	char path[64] = "/proc/", digits[12], text[32], *at = digits + sizeof digits;
	*--at = 0;
	for (pid_t rest = pid; rest > 0; rest /= 10)
		*--at = (char)('0' + rest % 10);
	strcat(strcat(path, at), "/comm");
	size_t length = read_text(path, text, sizeof text);
	return length == strlen(name) + 1 && !memcmp(text, name, length - 1);
}

static pid_t listed(const char *file, const char *name)
{
	char text[16];
	pid_t pid = read_text(file, text, sizeof text) ? (pid_t)atoi(text) : 0;
	return pid > 1 && is_called(pid, name) ? pid : 0;
}

int server_reread(void)
{
	if (*root_prefix)
		return SKIPPED;
	// Older sshds read their keys for each connection, those from 9.8 on hold them: SIGHUP fits both.
	pid_t openssh = listed("/run/sshd.pid", "sshd");
	if (openssh)
		kill(openssh, SIGHUP);
	// Dropbear reads them once. Whoever keeps it running starts it again with the new one.
	pid_t dropbear = listed("/var/run/dropbear.pid", "dropbear");
	if (dropbear)
		kill(dropbear, SIGTERM);
	return openssh || dropbear ? 0 : SKIPPED;
}
