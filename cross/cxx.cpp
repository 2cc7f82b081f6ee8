// All of C++'s own library that the software encoder asks for: a tenth of a megabyte less than the whole one.
// It is built without exceptions, as is what calls this: who gets no memory ends.
#include <cstddef>
#include <cstdlib>
#include <pthread.h>

void *operator new(std::size_t size) {
    void *memory = std::malloc(size == 0 ? 1 : size);
    if (memory == nullptr) {
        std::abort();
    }
    return memory;
}
void *operator new[](std::size_t size) { return operator new(size); }
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete[](void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void *memory, std::size_t) noexcept { std::free(memory); }

// Itanium C++ ABI, sections 3.2.6 and 3.3.3. One lock for all that is made at first use, which may make other such.
static pthread_mutex_t making;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare() {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(&making, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

extern "C" {
void __cxa_pure_virtual() { std::abort(); }

// Of its two representations (64 bits; 32 on ARM) both have their first bit set when all is made.
int __cxa_guard_acquire(unsigned char *guard) {
    pthread_once(&once, prepare);
    pthread_mutex_lock(&making);
    if (*guard & 1) {
        pthread_mutex_unlock(&making);
        return 0;
    }
    return 1;
}

void __cxa_guard_release(unsigned char *guard) {
    __atomic_store_n(guard, 1, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&making);
}

void __cxa_guard_abort(unsigned char *) { pthread_mutex_unlock(&making); }
}
