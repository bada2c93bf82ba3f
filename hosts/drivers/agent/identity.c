// Makes a copy of a machine another machine, in one message. The order matters: fresh randomness comes first,
// and the servers learn their new key last. Each step is timed and answered for; none stops the others.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

enum { ENTROPY_MAX = 256, SEED_BYTES = 512, STEPS = 12, SKIPPED = -1, MAC = 6, INTERFACES = 64 };

// ---- Files, below the root prefix

bool rooted(char *full, const char *path)
{
	if (strlen(root_prefix) + strlen(path) + 1 > PATH_SIZE)
		return false;
	strcpy(stpcpy(full, root_prefix), path);
	return true;
}

static int write_at_start(int fd, const void *bytes, size_t length, mode_t mode)
{
	struct stat there;
	if (fstat(fd, &there))
		return errno;
	if ((there.st_mode & 07777) != mode && fchmod(fd, mode))
		return errno;
	ssize_t wrote = pwrite(fd, bytes, length, 0);
	if (wrote != (ssize_t)length)
		return wrote < 0 ? errno : ENOSPC;
	return there.st_size > (off_t)length && ftruncate(fd, (off_t)length) ? errno : 0;
}

static int write_by(int flags, const char *full, const void *bytes, size_t length, mode_t mode)
{
	int fd = open(full, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, mode);
	if (fd < 0)
		return errno;
	int error = write_at_start(fd, bytes, length, mode);
	close(fd);
	return error;
}

// On a file system that cannot be written, a file in memory is laid over the one there.
static int cover_file(const char *full, const void *bytes, size_t length, mode_t mode)
{
	char name[PATH_SIZE] = "/run/cowweb";
	mkdir(name, 0755);
	char *at = stpcpy(name + strlen(name), "/");
	for (const char *c = full; *c && at < name + PATH_SIZE - 1; c++)
		*at++ = *c == '/' ? '-' : *c;
	*at = 0;
	int error = write_by(O_TRUNC, name, bytes, length, mode);
	return !error && mount(name, full, NULL, MS_BIND, NULL) ? errno : error;
}

// In place. A new file renamed over the old one costs ten times as much (ext4 writes its blocks out at once),
// and what is written here is shorter than a page, which no reader sees half of. A link is replaced.
int write_file(const char *path, const void *bytes, size_t length, mode_t mode)
{
	char full[PATH_SIZE];
	if (!rooted(full, path))
		return ENAMETOOLONG;
	int error = write_by(0, full, bytes, length, mode);
	if (error == ELOOP && !unlink(full))
		error = write_by(O_EXCL, full, bytes, length, mode);
	return error == EROFS && !*root_prefix ? cover_file(full, bytes, length, mode) : error;
}

static bool exists(const char *path)
{
	char full[PATH_SIZE];
	struct stat there;
	return rooted(full, path) && !lstat(full, &there) && S_ISREG(there.st_mode);
}

// ---- Steps: each returns an errno, 0 when done, SKIPPED when there is nothing to do

static int take_entropy(const struct field *entropy)
{
	struct {
		struct rand_pool_info info;
		unsigned char bytes[ENTROPY_MAX];
	} pool;
	if (*root_prefix)
		return SKIPPED;
	if (entropy->length < 32 || entropy->length > ENTROPY_MAX)
		return EINVAL;
	pool.info.entropy_count = (int)entropy->length * 8;
	pool.info.buf_size = (int)entropy->length;
	memcpy(pool.info.buf, entropy->bytes, entropy->length);
	int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	int error = ioctl(fd, RNDADDENTROPY, &pool) || ioctl(fd, RNDRESEEDCRNG, NULL) ? errno : 0;
	close(fd);
	explicit_bzero(&pool, sizeof pool);
	return error;
}

static int take_clock(const struct field *epoch_ns)
{
	uint64_t since;
	if (*root_prefix)
		return SKIPPED;
	if (epoch_ns->length != sizeof since)
		return EINVAL;
	memcpy(&since, epoch_ns->bytes, sizeof since);
	struct timespec now = {(time_t)(since / 1000000000), (long)(since % 1000000000)};
	return clock_settime(CLOCK_REALTIME, &now) ? errno : 0;
}

static int take_hostname(const struct field *name)
{
	char line[66], hosts[256];
	if (!name->length || name->length > 64)
		return EINVAL;
	memcpy(line, name->bytes, name->length);
	strcpy(line + name->length, "\n");
	if (!*root_prefix && sethostname(line, name->length))
		return errno;
	char *end = stpcpy(stpcpy(stpcpy(hosts, "127.0.0.1 localhost\n127.0.1.1 "), line), "::1 localhost\n");
	write_file("/etc/hosts", hosts, (size_t)(end - hosts), 0644);
	return write_file("/etc/hostname", line, name->length + 1, 0644);
}

static int take_machine_id(const struct field *id)
{
	char line[33];
	if (id->length != 32)
		return EINVAL;
	memcpy(line, id->bytes, 32);
	line[32] = '\n';
	if (exists("/var/lib/dbus/machine-id"))
		write_file("/var/lib/dbus/machine-id", line, sizeof line, 0644);
	return write_file("/etc/machine-id", line, sizeof line, 0444);
}

// What the next start would begin its randomness with: the same in every copy.
static int renew_seeds(void)
{
	static const char *const seeds[] = {
		"/var/lib/systemd/random-seed", "/var/lib/urandom/random-seed", "/var/lib/random-seed",
		"/var/lib/seedrng/seed.credit", "/etc/random-seed"};
	unsigned char fresh[SEED_BYTES];
	int error = SKIPPED;
	for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
		if (!exists(seeds[i]))
			continue;
		if (getrandom(fresh, sizeof fresh, 0) != sizeof fresh)
			return EIO;
		error = write_file(seeds[i], fresh, sizeof fresh, 0600);
	}
	return error;
}

struct account {
	uid_t uid;
	gid_t gid;
	char home[PATH_SIZE];
};

static bool read_account(char *line, const char *user, struct account *account)
{
	char *fields[7] = {line};
	for (int i = 1; i < 7; i++) {
		char *colon = strchr(fields[i - 1], ':');
		if (!colon)
			return false;
		*colon = 0;
		fields[i] = colon + 1;
	}
	if (strcmp(fields[0], user) != 0 || strlen(fields[5]) >= PATH_SIZE - 64)
		return false;
	account->uid = (uid_t)atol(fields[2]);
	account->gid = (gid_t)atol(fields[3]);
	strcpy(account->home, fields[5]);
	return true;
}

static bool find_account(const char *user, struct account *account)
{
	static char passwd[256 * 1024];
	char full[PATH_SIZE];
	int fd = rooted(full, "/etc/passwd") ? open(full, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t length = fd < 0 ? 0 : read(fd, passwd, sizeof passwd - 1);
	if (fd >= 0)
		close(fd);
	passwd[length > 0 ? length : 0] = 0;
	char *rest = passwd;
	for (char *line; (line = strsep(&rest, "\n"));)
		if (read_account(line, user, account))
			return true;
	return false;
}

static int take_login_key(struct field *user, const struct field *key)
{
	char name[64], path[PATH_SIZE], full[PATH_SIZE];
	struct account account;
	if (!field_text(user, name, sizeof name) || !find_account(name, &account))
		return ENOENT;
	strcpy(stpcpy(path, account.home), "/.ssh");
	if (!rooted(full, path))
		return ENAMETOOLONG;
	if (!mkdir(full, 0700) && !*root_prefix && chown(full, account.uid, account.gid))
		return errno;
	strcat(path, "/authorized_keys");
	int error = write_file(path, key->bytes, key->length, 0600);
	if (error || *root_prefix || !account.uid)
		return error;
	return chown(path, account.uid, account.gid) ? errno : 0;
}

// The first Ethernet interface gets this address. Whoever holds its link down lets it up after our answer.
// The neighbours must hear of it (QEMU's network too): else they send to the old one until we speak first.
static int take_mac(const struct field *mac)
{
	if (!*root_prefix)
		write_by(0, "/proc/sys/net/ipv4/conf/all/arp_notify", "1\n", 2, 0644);
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = *root_prefix ? SKIPPED : ENODEV;
	for (int index = 1; index <= INTERFACES && error == ENODEV; index++) {
		request.ifr_ifindex = index;
		if (ioctl(fd, SIOCGIFNAME, &request) || ioctl(fd, SIOCGIFHWADDR, &request))
			continue;
		if (request.ifr_hwaddr.sa_family != ARPHRD_ETHER)
			continue;
		if (mac->length == MAC)
			memcpy(request.ifr_hwaddr.sa_data, mac->bytes, MAC);
		error = mac->length != MAC ? EINVAL : ioctl(fd, SIOCSIFHWADDR, &request) ? errno : 0;
	}
	close(fd);
	return error;
}

// ---- The message: tag E entropy, T epoch ns, N hostname, I machine id, K host key as OpenSSH's text,
// P its public line, D the key as dropbear's bytes, U the login's name, A its key line, M network address

struct answer {
	unsigned char bytes[4 + 9 * STEPS];
	size_t length;
	int64_t since;
};

static void did(struct answer *answer, char step, int error)
{
	int64_t now = now_us();
	unsigned char *at = answer->bytes + answer->length;
	*at = (unsigned char)step;
	put32(at + 1, (uint32_t)error);
	put32(at + 5, (uint32_t)(now - answer->since));
	answer->length += 9;
	answer->since = now;
}

void identity_take(uint32_t id, struct span fields)
{
	int64_t began = now_us();
	struct answer answer = {.length = 4, .since = began};
	struct field given[128] = {0}, field;
	while (next_field(&fields, &field))
		given[field.tag & 127] = field;
	if (given['E'].bytes)
		did(&answer, 'E', take_entropy(&given['E']));
	if (given['T'].bytes)
		did(&answer, 'T', take_clock(&given['T']));
	if (given['N'].bytes)
		did(&answer, 'N', take_hostname(&given['N']));
	if (given['I'].bytes)
		did(&answer, 'I', take_machine_id(&given['I']));
	did(&answer, 'S', renew_seeds());
	if (given['M'].bytes)
		did(&answer, 'M', take_mac(&given['M']));
	if (given['A'].bytes)
		did(&answer, 'A', take_login_key(&given['U'], &given['A']));
	if (given['K'].bytes)
		did(&answer, 'K', openssh_take(&given['K'], &given['P']));
	if (given['D'].bytes)
		did(&answer, 'D', dropbear_take(&given['D'], &given['K']));
	if (given['K'].bytes)
		did(&answer, 'R', server_reread());
	put32(answer.bytes, (uint32_t)(now_us() - began));
	frame_send(IDENTIFIED, id, answer.bytes, answer.length);
}
