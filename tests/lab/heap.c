/* Preloaded into the server by faults.py: writes into the file $HEAP, again and again, how many bytes of its heap are in use,
 * counted by the allocator (glibc's) itself. What it keeps of what was freed is no matter of the program's. */
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void *tell(void *path)
{
	int file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	char line[64];
	for (;;) {
		struct mallinfo2 is = mallinfo2();
		int length = snprintf(line, sizeof(line), "%12zu\n", is.uordblks + is.hblkhd);
		if (pwrite(file, line, length, 0) < 0) return NULL;
		usleep(200000);
	}
}

__attribute__((constructor)) static void begin(void)
{
	pthread_t thread;
	char *path = getenv("HEAP");
	if (path) pthread_create(&thread, NULL, tell, path);
}
