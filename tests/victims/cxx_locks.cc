/* What C++ programs share data by, each used rightly: mutex, scoped_lock of two
 * in both orders, recursive, timed and shared mutexes, condition variables,
 * call_once, async, promise, packaged_task on a thread that lives on, magic
 * statics, shared_ptr; blocks of 16 KB go through all of them. */
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <functional>
#include <future>
#include <list>
#include <memory>
#include <mutex>
#include <numeric>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

using Block = std::vector<int>;
static const std::size_t SIZE = 4096;

/* A pool of workers, as everybody writes one. */
class Pool {
public:
    explicit Pool(int n)
    {
        for (int i = 0; i < n; i++)
            threads_.emplace_back([this] { work(); });
    }
    ~Pool()
    {
        {
            std::lock_guard<std::mutex> hold(mutex_);
            stopped_ = true;
        }
        changed_.notify_all();
        for (auto &t : threads_)
            t.join();
    }
    template <class F> auto run(F f) -> std::future<decltype(f())>
    {
        auto task = std::make_shared<std::packaged_task<decltype(f())()>>(std::move(f));
        auto result = task->get_future();
        {
            std::lock_guard<std::mutex> hold(mutex_);
            jobs_.push_back([task] { (*task)(); });
        }
        changed_.notify_one();
        return result;
    }

private:
    void work()
    {
        for (;;) {
            std::unique_lock<std::mutex> hold(mutex_);
            changed_.wait(hold, [this] { return stopped_ || !jobs_.empty(); });
            if (jobs_.empty())
                return;
            auto job = std::move(jobs_.front());
            jobs_.pop_front();
            hold.unlock();
            job();
        }
    }
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> jobs_;
    bool stopped_ = false;
    std::vector<std::thread> threads_;
};

/* Accounts, locked two at a time in whatever order they are named. */
struct Account {
    std::mutex mutex;
    long money = 1000;
    Block history = Block(SIZE);
};
static void transfer(Account &from, Account &to)
{
    std::scoped_lock hold(from.mutex, to.mutex);
    from.money--, to.money++;
    to.history = from.history;
}

/* Read by many, written by some. */
class Table {
public:
    Block read(int timed)
    {
        if (timed) {
            std::shared_lock<std::shared_timed_mutex> hold(timed_, std::chrono::seconds(20));
            return rows_timed_;
        }
        std::shared_lock<std::shared_mutex> hold(shared_);
        return rows_;
    }
    void write(int n)
    {
        Block fresh(SIZE, n);
        {
            std::unique_lock<std::shared_mutex> hold(shared_);
            rows_ = fresh;
        }
        std::unique_lock<std::shared_timed_mutex> hold(timed_);
        rows_timed_ = fresh;
    }

private:
    std::shared_mutex shared_;
    std::shared_timed_mutex timed_;
    Block rows_ = Block(SIZE), rows_timed_ = Block(SIZE);
};

class Nested {
public:
    void outer()
    {
        std::lock_guard<std::recursive_mutex> hold(mutex_);
        inner();
    }
    void inner()
    {
        std::lock_guard<std::recursive_mutex> hold(mutex_);
        copy_ = data_;
    }

private:
    std::recursive_mutex mutex_;
    Block data_ = Block(SIZE), copy_;
};

/* A channel with a bound, by condition_variable_any and a timed mutex. */
class Channel {
public:
    void put(Block b)
    {
        std::unique_lock<std::timed_mutex> hold(mutex_);
        changed_.wait(hold, [this] { return blocks_.size() < 4; });
        blocks_.push_back(std::move(b));
        changed_.notify_all();
    }
    Block get()
    {
        std::unique_lock<std::timed_mutex> hold(mutex_);
        while (!changed_.wait_for(hold, std::chrono::milliseconds(5), [this] { return !blocks_.empty(); }))
            ;
        Block b = std::move(blocks_.front());
        blocks_.pop_front();
        changed_.notify_all();
        return b;
    }

private:
    std::timed_mutex mutex_;
    std::condition_variable_any changed_;
    std::list<Block> blocks_;
};

static std::once_flag once;
static Block made_once;
static const Block &made_lazily()
{
    static const Block made(SIZE, 7);
    return made;
}

static long sum(const Block &b) { return std::accumulate(b.begin(), b.end(), 0L); }

int main()
{
    long total = 0;
    {
        Pool pool(4);
        std::vector<std::future<Block>> results;
        for (int i = 0; i < 50; i++)
            results.push_back(pool.run([i] { return Block(SIZE, i); }));
        for (auto &r : results) {
            Block b = r.get(), copy = b;
            total += sum(copy);
        }
        try {
            pool.run([]() -> int { throw std::string("thrown"); }).get();
        } catch (const std::string &what) {
            std::printf("%s\n", what.c_str());
        }
    }
    std::printf("pool %ld\n", total);

    Account a, b, c;
    Table table;
    Nested nested;
    std::atomic<int> seen{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++)
        threads.emplace_back([&, i] {
            for (int n = 0; n < 50; n++) {
                transfer(i % 2 ? a : b, i % 2 ? b : c);
                transfer(i % 2 ? c : b, i % 2 ? a : c);
                if (n % 8 == 0)
                    table.write(n);
                seen += sum(table.read(n % 2)) >= 0;
                nested.outer();
                std::call_once(once, [] { made_once = Block(SIZE, 3); });
                Block mine = made_once, lazily = made_lazily();
                seen += mine[1] + lazily[1] == 10;
            }
        });
    for (auto &t : threads)
        t.join();
    std::printf("money %ld seen %d\n", a.money + b.money + c.money, seen.load());

    std::vector<std::future<Block>> later;
    for (int i = 0; i < 6; i++)
        later.push_back(std::async(i % 3 ? std::launch::async : std::launch::deferred, [i] { return Block(SIZE, i); }));
    total = 0;
    for (auto &f : later) {
        Block copy(f.get());
        total += sum(copy);
    }
    std::promise<Block> promise;
    auto kept = promise.get_future().share();
    std::thread first([kept, &seen] { Block copy = kept.get(); seen += sum(copy) > 0; });
    std::thread second([&promise] { promise.set_value(Block(SIZE, 2)); });
    first.join();
    second.join();
    std::printf("async %ld seen %d\n", total, seen.load());

    Channel channel;
    std::thread producer([&] {
        for (int i = 1; i <= 60; i++)
            channel.put(Block(SIZE, i));
        channel.put(Block());
    });
    total = 0;
    for (;;) {
        Block got = channel.get();
        if (got.empty())
            break;
        Block copy = got;
        total += sum(copy);
    }
    producer.join();
    std::printf("channel %ld\n", total);
    return 0;
}
