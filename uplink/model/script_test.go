package model

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/parse"
)

// entry is what XADD added to a stream: names and values by turns.
type entry []string

// keyspace is what a server holds: hashes and streams, nothing else.
type keyspace struct {
	hashes  map[string]map[string]string
	streams map[string][]entry
	version uint64 // grows with each write

	failing string                    // this command fails …
	after   int                       // … after so many that succeed
	failed  func()                    // hears of that
	added   func(key string, e entry) // hears of each XADD
}

func newKeyspace() *keyspace {
	return &keyspace{hashes: map[string]map[string]string{}, streams: map[string][]entry{}}
}

// snapshot is a copy of a keyspace: of streams, the entries are shared.
type snapshot struct {
	hashes  map[string]map[string]string
	streams map[string][]entry
	version uint64
}

func (k *keyspace) snapshot() snapshot {
	s := snapshot{make(map[string]map[string]string, len(k.hashes)), make(map[string][]entry, len(k.streams)), k.version}
	for name, h := range k.hashes {
		s.hashes[name] = maps.Clone(h)
	}
	for name, list := range k.streams {
		s.streams[name] = list[:len(list):len(list)]
	}
	return s
}

// restore sets the keyspace back; the snapshot stays as it is.
func (k *keyspace) restore(s snapshot) {
	k.hashes, k.streams = map[string]map[string]string{}, map[string][]entry{}
	for name, h := range s.hashes {
		k.hashes[name] = maps.Clone(h)
	}
	for name, list := range s.streams {
		k.streams[name] = list
	}
	k.version++
}

var (
	errOOM    = errors.New("OOM command not allowed when used memory > 'maxmemory'")
	errSyntax = errors.New("ERR the model does not know this command")
)

// call runs one command of the script.
func (k *keyspace) call(args []string) (lua.LValue, error) {
	if k.failing != "" && args[0] == k.failing {
		if k.after--; k.after < 0 {
			k.failing = ""
			k.failed()
			return nil, errOOM
		}
	}
	switch {
	case args[0] == "HGET" && len(args) == 3:
		if v, ok := k.hashes[args[1]][args[2]]; ok {
			return lua.LString(v), nil
		}
		return lua.LFalse, nil
	case args[0] == "HSET" && len(args) == 4:
		if k.hashes[args[1]] == nil {
			k.hashes[args[1]] = map[string]string{}
		}
		k.hashes[args[1]][args[2]] = args[3]
		k.version++
		return lua.LNumber(1), nil
	case args[0] == "XADD" && len(args) > 3:
		fields := args[2:]
		if fields[0] == "MAXLEN" && len(fields) > 3 && fields[1] == "~" {
			fields = fields[3:]
		}
		if fields[0] != "*" || len(fields)%2 != 1 {
			return nil, errSyntax
		}
		e := entry(append([]string(nil), fields[1:]...))
		k.streams[args[1]] = append(k.streams[args[1]], e)
		k.version++
		if k.added != nil {
			k.added(args[1], e)
		}
		return lua.LString(fmt.Sprint(k.version, "-0")), nil
	}
	return nil, errSyntax
}

// appendScript is the script as it ships.
var appendScript = sync.OnceValue(func() string {
	b, err := os.ReadFile("../redis/append.lua")
	if err != nil {
		panic(err)
	}
	return string(b)
})

// mutant is the script with one piece replaced; it panics when that is not there.
func mutant(old, new string) string {
	if strings.Count(appendScript(), old) == 0 {
		panic("append.lua holds no " + old)
	}
	return strings.ReplaceAll(appendScript(), old, new)
}

var compiled sync.Map // text → *lua.FunctionProto

func compile(text string) *lua.FunctionProto {
	if p, ok := compiled.Load(text); ok {
		return p.(*lua.FunctionProto)
	}
	chunk, err := parse.Parse(strings.NewReader(text), "append.lua")
	if err != nil {
		panic(err)
	}
	p, err := lua.Compile(chunk, "append.lua")
	if err != nil {
		panic(err)
	}
	compiled.Store(text, p)
	return p
}

// interpreter runs a script as a server does. One goroutine at a time uses it.
type interpreter struct {
	state *lua.LState
	fn    *lua.LFunction
	keys  *keyspace
}

func newInterpreter(text string, keys *keyspace) *interpreter {
	l := lua.NewState(lua.Options{SkipOpenLibs: true, CallStackSize: 32, RegistrySize: 1024, RegistryMaxSize: 8192})
	for name, open := range map[string]lua.LGFunction{"": lua.OpenBase, "string": lua.OpenString, "table": lua.OpenTable} {
		l.Push(l.NewFunction(open))
		l.Push(lua.LString(name))
		l.Call(1, 0)
	}
	in := &interpreter{state: l, keys: keys}
	in.fn = l.NewFunctionFromProto(compile(text))
	redis := l.NewTable()
	redis.RawSetString("call", l.NewFunction(func(l *lua.LState) int { return in.command(l, true) }))
	redis.RawSetString("pcall", l.NewFunction(func(l *lua.LState) int { return in.command(l, false) }))
	redis.RawSetString("error_reply", l.NewFunction(func(l *lua.LState) int {
		l.Push(errorTable(l, l.CheckString(1)))
		return 1
	}))
	l.SetGlobal("redis", redis)
	return in
}

func errorTable(l *lua.LState, text string) *lua.LTable {
	t := l.NewTable()
	t.RawSetString("err", lua.LString(text))
	return t
}

func (in *interpreter) command(l *lua.LState, raise bool) int {
	args := make([]string, l.GetTop())
	for i := range args {
		args[i] = l.Get(i + 1).String()
	}
	v, err := in.keys.call(args)
	switch {
	case err != nil && raise:
		l.RaiseError("%s", err.Error())
	case err != nil:
		v = errorTable(l, err.Error())
	}
	l.Push(v)
	return 1
}

// run calls the script and returns its reply as text.
func (in *interpreter) run(keys, argv []string) (string, error) {
	l := in.state
	list := func(values []string) *lua.LTable {
		t := l.CreateTable(len(values), 0)
		for i, v := range values {
			t.RawSetInt(i+1, lua.LString(v))
		}
		return t
	}
	l.SetGlobal("KEYS", list(keys))
	l.SetGlobal("ARGV", list(argv))
	if err := l.CallByParam(lua.P{Fn: in.fn, NRet: 1, Protect: true}); err != nil {
		var api *lua.ApiError
		if errors.As(err, &api) {
			return "", errors.New(api.Object.String())
		}
		return "", err
	}
	v := l.Get(-1)
	l.Pop(1)
	if t, ok := v.(*lua.LTable); ok {
		return "", errors.New(t.RawGetString("err").String())
	}
	return v.String(), nil
}
