"""What the real programs of bench/workloads.py work on, made here from nothing:
the same bytes every time, on every machine."""
import json, os, subprocess


def data_json(tmp, items):
    path = os.path.join(tmp, "data.json")
    with open(path, "w") as f:
        json.dump([{"id": i, "name": "item %d" % i, "tags": [str(i * k) for k in range(8)], "x": i / 7}
                   for i in range(items)], f)
    return path


def sql(rows):
    return ("create table t(a integer primary key,b text,c real);"
            "with recursive n(i) as (select 1 union all select i+1 from n where i<%d) insert into t select i, 'row '||i, i*0.5 from n;"
            "create index x on t(b); select count(*),sum(c) from t where b like '%%7%%';"
            "select b,count(*) from (select substr(b,1,6) as b from t) group by b order by 2 desc limit 3;" % rows)


def c_unit(tmp, functions):
    """A preprocessed C file of many small functions."""
    source, out = os.path.join(tmp, "unit.c"), os.path.join(tmp, "unit.i")
    with open(source, "w") as f:
        f.write("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n")
        for i in range(functions):
            f.write("struct s%d{int a[%d];char*p;};int f%d(struct s%d*s,int n){int t=0;for(int i=0;i<n;i++)t+=s->a[i%%%d]*i+%d;"
                    "if(s->p&&strlen(s->p)>%d)t^=printf(\"%%d\",t);return t;}\n" % (i, i % 9 + 1, i, i, i % 9 + 1, i, i % 5))
    subprocess.run(["gcc", "-E", source, "-o", out], check=True)
    return out


HEADERS = ("algorithm", "functional", "iostream", "map", "memory", "sstream", "string", "unordered_map", "vector")


def cc_source(tmp, name, more=()):
    """A C++ file that leans on the standard library's templates."""
    path = os.path.join(tmp, name)
    with open(path, "w") as f:
        f.write("".join("#include <%s>\n" % h for h in HEADERS + more))
        for i in range(12):
            f.write("struct k%d{int v;bool operator<(const k%d&o)const{return v<o.v;}};"
                    "int g%d(){std::map<k%d,std::vector<std::string>> m;m[{%d}].push_back(\"a\");std::function<int(int)> f=[&](int x){return x+(int)m.size();};"
                    "std::vector<k%d> s;std::sort(s.begin(),s.end());return f(1);}\n" % (i, i, i, i, i, i))
    return path


def cc_unit(tmp):
    """The same, preprocessed; None where there is no C++ compiler."""
    out = os.path.join(tmp, "unit.ii")
    done = subprocess.run(["g++", "-E", cc_source(tmp, "unit.cc"), "-o", out], capture_output=True)
    return None if done.returncode else out


def repository(tmp, commits):
    """A git repository: every commit changes a few lines of a few of 40 files."""
    path = os.path.join(tmp, "repository")
    files = [["line %d of file %d: %d" % (n, f, n * f) for n in range(200)] for f in range(40)]
    subprocess.run(["git", "init", "-q", path], check=True)
    stream = []
    for c in range(commits):
        message = "Change %d\n" % c
        stream.append("commit refs/heads/main\ncommitter Bench <bench@localhost> %d +0000\ndata %d\n%s" % (1700000000 + c * 60, len(message), message))
        for f in range(40) if c == 0 else {(c * k + k) % 40 for k in (1, 7, 13, 19)}:
            for n in range(c % 5, 200, 37):
                files[f][n] += " %d" % c
            text = "\n".join(files[f]) + "\n"
            stream.append("M 100644 inline src/part%d/file%d.txt\ndata %d\n%s" % (f % 6, f, len(text), text))
    subprocess.run(["git", "-C", path, "fast-import", "--quiet"], input="\n".join(stream).encode(), check=True)
    return path
