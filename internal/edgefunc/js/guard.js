// SPDX-License-Identifier: Apache-2.0
//
// Runs once in a new machine, before any function's code. `host` holds what Go
// lends; `v2` is true for runtime 2.0; `keep` is true when the globals must
// stay changeable (the machine is then thrown away after one run).
//
// In order: bounds on built-ins that could take long or large in one call,
// removal of what CloudFront does not have, what it has beside the language,
// and last the freezing of everything that can be reached from a global.
(function (host, v2, keep, extend) {
  'use strict';
  const G = globalThis, apply = Reflect.apply, own = Reflect.getOwnPropertyDescriptor;
  const define = Reflect.defineProperty, construct = Reflect.construct, keys = Reflect.ownKeys, parent = Reflect.getPrototypeOf;
  const maxText = 2 << 20, maxItems = 1 << 17, Seen = Set;
  // Not forEach, nor for-of: those are about to be bounded, and slower.
  const each = function (list, f) { for (let i = 0; i < list.length; i++) f(list[i]); };
  const full = function () { host.tooLarge(); };

  const hidden = function (o, k, v) { define(o, k, { value: v, writable: true, enumerable: false, configurable: true }); };
  const text = function (n) { if (!(n <= maxText)) full(); };

  // Replaces method k of o by one that looks at its arguments first.
  const bound = function (o, k, look) {
    const d = own(o, k);
    if (!d || typeof d.value !== 'function') return;
    const was = d.value;
    const now = { m(...args) { look.call(this, args); return apply(was, this, args); } }.m;
    define(now, 'name', { value: was.name });
    define(now, 'length', { value: was.length });
    hidden(o, k, now);
  };

  const S = String.prototype;
  bound(S, 'repeat', function (a) { if (a[0] > 0) text(String(this).length * a[0]); });
  bound(S, 'padStart', function (a) { if (a[0] > 0) text(+a[0]); });
  bound(S, 'padEnd', function (a) { if (a[0] > 0) text(+a[0]); });
  bound(S, 'concat', function (a) { let n = String(this).length; for (let i = 0; i < a.length; i++) n += String(a[i]).length; text(n); });
  const replaced = function (a) {
    if (typeof a[1] !== 'string') return;
    const n = String(this).length + 1, wide = a[1].indexOf('$`') >= 0 || a[1].indexOf("$'") >= 0;
    if (n * a[1].length * (wide ? n : 1) > 1 << 26) full();
  };
  bound(S, 'replace', replaced);
  bound(S, 'replaceAll', replaced);

  const items = function () { if (this !== null && this !== undefined && this.length > maxItems) full(); };
  const A = Array.prototype;
  each(keys(A), function (k) {
    if (k === 'constructor' || k === 'push' || k === 'pop' || k === 'length' || k === Symbol.unscopables) return;
    bound(A, k, k === 'join' ? function (a) {
      items.call(this);
      let n = this.length * (a[0] === undefined ? 1 : String(a[0]).length);
      for (let i = 0; i < this.length; i++) if (typeof this[i] === 'string') n += this[i].length;
      text(n);
    } : items);
  });
  bound(Array, 'from', function (a) { if (a[0] !== null && a[0] !== undefined && a[0].length > maxItems) full(); });
  bound(Function.prototype, 'apply', function (a) { if (a[1] !== null && a[1] !== undefined && a[1].length > maxItems) full(); });
  bound(String, 'raw', function (a) { if (a[0].raw.length > maxItems) full(); });

  const nodes = function (v, left, depth) {
    if (v === null || typeof v !== 'object' || depth > 500) return left - 1;
    const ks = Object.keys(v);
    for (let i = 0; i < ks.length; i++) {
      const x = v[ks[i]];
      left = typeof x === 'string' ? left - 1 - (x.length >> 5) : nodes(x, left, depth + 1);
      if (left < 0) full();
    }
    return left;
  };
  bound(JSON, 'stringify', function (a) { nodes(a[0], maxItems, 0); });

  const sized = function (name) {
    const was = G[name];
    // A function, not a Proxy: instanceof does not take the engine's proxies.
    const now = function (...args) {
      const n = typeof args[0] === 'number' ? args[0] : args[0] && args[0].length !== undefined ? args[0].length : 0;
      if (n > (name === 'Array' ? maxItems : maxText)) full();
      return new.target === undefined ? apply(was, this, args) : construct(was, args, new.target === now ? was : new.target);
    };
    each(keys(was), function (k) { if (k !== 'prototype') define(now, k, own(was, k)); });
    define(now, 'prototype', { value: was.prototype, writable: false });
    Object.setPrototypeOf(now, parent(was));
    hidden(was.prototype, 'constructor', now);
    hidden(G, name, now);
  };
  each(['Array', 'ArrayBuffer', 'Int8Array', 'Uint8Array', 'Uint8ClampedArray', 'Int16Array', 'Uint16Array', 'Int32Array', 'Uint32Array',
    'Float32Array', 'Float64Array'], sized);
  const T = parent(Uint8Array.prototype);
  bound(parent(Int8Array), 'from', function (a) { if (a[0] && a[0].length > maxItems) full(); });

  // What CloudFront does not have. Code that would fail there fails here.
  const proto = {
    async: parent(async function () {}), generator: parent(function* () {}), arrayIter: parent([][Symbol.iterator]()),
    textIter: parent(''[Symbol.iterator]()), matchIter: parent('a'.matchAll(/a/g)), mapIter: parent(new Map().entries()), setIter: parent(new Set().values()),
    map: Map.prototype, set: Set.prototype, wmap: WeakMap.prototype, wset: WeakSet.prototype, big: G.BigInt && BigInt.prototype, typed: T,
  };
  const refuse = function (what) {
    const f = { m() { throw new EvalError(what + ' is not allowed: dynamic code evaluation is not supported'); } }.m;
    return f;
  };
  const F = function Function() { throw new EvalError('Function is not allowed: dynamic code evaluation is not supported'); };
  F.prototype = Function.prototype;
  each([Function.prototype, proto.async, proto.generator], function (p) { hidden(p, 'constructor', F); });
  hidden(G, 'Function', F);
  hidden(G, 'eval', refuse('eval'));
  each(['Map', 'Set', 'WeakMap', 'WeakSet', 'WeakRef', 'Proxy', 'Reflect', 'BigInt', 'BigInt64Array', 'BigUint64Array', 'FinalizationRegistry',
    'SharedArrayBuffer', 'Atomics', 'AggregateError', 'escape', 'unescape'], function (k) {
    if (!(v2 && k === 'AggregateError')) delete G[k];
  });

  const modules = extend(host, G, v2);
  each(['InternalError', 'MemoryError'], function (name) {
    const E = function (message) {
      const e = new Error(message);
      Object.setPrototypeOf(e, E.prototype);
      return e;
    };
    E.prototype = Object.create(Error.prototype, { name: { value: name, writable: true, configurable: true }, constructor: { value: E, writable: true, configurable: true } });
    hidden(E, 'name', name);
    hidden(G, name, E);
  });

  const shared = v2 ? Object.create(Object.prototype) : null;
  if (v2) hidden(shared, 'rawQueryString', { rawQueryString() { return host.rawQuery(); } }.rawQueryString);
  const made = {
    invoke(outer, event) {
      const handler = outer();
      if (handler === undefined) throw new ReferenceError('there is no function called handler');
      return handler(event);
    },
    shared: shared,
    value(v) { return { value: v }; },
    cookie(v, a) { return { value: v, attributes: a }; },
    many(v, list) { return { value: v, multiValue: list }; },
    cookies(v, a, list) { return { value: v, attributes: a, multiValue: list }; },
  };
  if (keep) return made;

  // Everything that is shared between runs becomes immutable. Assigning a name
  // that a frozen prototype has would then fail (error.name = 'x'), which it
  // does not at CloudFront; so the names that code does assign become
  // accessors that put the value on the object itself.
  const assignable = function (o, names) {
    each(names, function (k) {
      const d = own(o, k);
      if (!d || !('value' in d)) return;
      const v = d.value;
      define(o, k, {
        get: { get() { return v; } }.get,
        set: { set(x) {
          if (this === o) throw new TypeError("Cannot assign to read only property '" + k + "'");
          define(this, k, { value: x, writable: true, enumerable: true, configurable: true });
        } }.set,
        enumerable: false, configurable: false,
      });
      walk(own(o, k).get); walk(own(o, k).set);
    });
  };
  const seen = new Seen();
  const walk = function (o) {
    if (o === null || typeof o !== 'object' && typeof o !== 'function' || seen.has(o)) return;
    seen.add(o);
    each(keys(o), function (k) {
      const d = own(o, k);
      if (d) { walk(d.value); walk(d.get); walk(d.set); }
    });
    walk(parent(o));
  };
  walk(G);
  walk(made);
  walk(shared);
  each(keys(proto), function (k) { walk(proto[k]); });
  walk(modules);
  assignable(Object.prototype, ['toString', 'toLocaleString', 'valueOf', 'hasOwnProperty', 'isPrototypeOf', 'propertyIsEnumerable', 'constructor']);
  assignable(Function.prototype, ['toString', 'name', 'constructor']);
  assignable(Array.prototype, ['toString', 'constructor']);
  assignable(Date.prototype, ['toString', 'constructor']);
  assignable(Promise.prototype, ['constructor', 'then']);
  each([Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, G.MemoryError, G.InternalError, G.AggregateError], function (E) {
    if (E) assignable(E.prototype, ['name', 'message', 'toString', 'constructor']);
  });
  seen.forEach(function (o) { Object.freeze(o); });
  return made;
})
