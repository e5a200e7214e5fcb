// SPDX-License-Identifier: Apache-2.0
//
// What CloudFront Functions have beside the language: console, require and the
// modules, Buffer and the text coders (runtime 2.0), byte strings (1.0).
// Returns what guard.js has to freeze.
(function (host, G, v2) {
  'use strict';
  const hidden = function (o, k, v) { Object.defineProperty(o, k, { value: v, writable: true, enumerable: false, configurable: true }); };
  const inspect = function (v) {
    if (typeof v === 'string') return v;
    if (v instanceof Error) return String(v.stack || v);
    if (v !== null && typeof v === 'object') {
      try { return JSON.stringify(v); } catch (e) { return String(v); }
    }
    return String(v);
  };
  // The guide knows log only, and only its first argument.
  const say = { log(v) { host.log(inspect(v)); } }.log;
  hidden(G, 'console', { log: say, error: say });

  // querystring, as the guide and Node have it.
  const qs = {
    escape(s) { return encodeURIComponent(typeof s === 'string' ? s : String(s)).replace(/%(2[1789A]|7E)/g, decodeURIComponent); },
    unescape(s) {
      try { return decodeURIComponent(s); } catch (e) { return host.unescape(String(s)); }
    },
    parse(text, sep, eq, options) {
      const out = {};
      if (typeof text !== 'string' || text === '') return out;
      sep = sep || '&'; eq = eq || '=';
      const dec = options && typeof options.decodeURIComponent === 'function' ? options.decodeURIComponent : qs.unescape;
      const most = options && typeof options.maxKeys === 'number' ? options.maxKeys : 1000;
      let parts = text.split(sep);
      if (most > 0) parts = parts.slice(0, most);
      const plain = function (s) { return dec(s.replace(/\+/g, ' ')); };
      for (let i = 0; i < parts.length; i++) {
        if (parts[i] === '') continue;
        const at = parts[i].indexOf(eq);
        const k = plain(at < 0 ? parts[i] : parts[i].slice(0, at)), v = at < 0 ? '' : plain(parts[i].slice(at + eq.length));
        if (!Object.prototype.hasOwnProperty.call(out, k)) Object.defineProperty(out, k, { value: v, writable: true, enumerable: true, configurable: true });
        else if (Array.isArray(out[k])) out[k].push(v);
        else out[k] = [out[k], v];
      }
      return out;
    },
    stringify(o, sep, eq, options) {
      if (o === null || typeof o !== 'object') return '';
      sep = sep || '&'; eq = eq || '=';
      const enc = options && typeof options.encodeURIComponent === 'function' ? options.encodeURIComponent : qs.escape;
      const one = function (v) {
        return typeof v === 'string' ? enc(v) : typeof v === 'number' && isFinite(v) || typeof v === 'boolean' ? enc(String(v)) : '';
      };
      return Object.keys(o).map(function (k) {
        const v = o[k], name = enc(k) + eq;
        return Array.isArray(v) ? v.map(function (x) { return name + one(x); }).join(sep) : name + one(v);
      }).filter(function (s) { return s !== ''; }).join(sep);
    },
  };
  qs.decode = qs.parse; qs.encode = qs.stringify;

  const hasher = function (alg, key) {
    let parts = [];
    return {
      update(data) {
        if (parts === null) throw new Error('Digest already called');
        if (typeof data !== 'string' && !ArrayBuffer.isView(data)) throw new TypeError('data is not a string or Buffer-like object');
        parts.push(data);
        return this;
      },
      digest(encoding) {
        if (parts === null) throw new Error('Digest already called');
        const sum = host.digest(alg, key, parts);
        parts = null;
        if (encoding === undefined && v2) return G.Buffer.from(sum);
        return host.encode(new Uint8Array(sum), encoding === undefined ? 'latin1' : String(encoding));
      },
    };
  };
  const known = function (alg) {
    alg = String(alg).toLowerCase();
    if (alg !== 'md5' && alg !== 'sha1' && alg !== 'sha256') throw new TypeError('not supported algorithm: "' + alg + '"');
    return alg;
  };
  const crypto = {
    createHash(alg) { return hasher(known(alg)); },
    createHmac(alg, key) {
      alg = known(alg);
      if (typeof key !== 'string' && !ArrayBuffer.isView(key)) throw new TypeError('key is not a string or Buffer-like object');
      return hasher(alg, key);
    },
  };
  const modules = { crypto: crypto, querystring: qs };

  if (v2) {
    const coded = ['utf8', 'utf-8', 'hex', 'base64', 'base64url', 'ascii', 'latin1', 'binary', 'utf16le', 'ucs2'];
    const check = function (enc) {
      enc = enc === undefined || enc === null ? 'utf8' : String(enc).toLowerCase();
      if (coded.indexOf(enc) < 0) throw new TypeError('"' + enc + '" encoding is not supported');
      return enc;
    };
    const size = function (n) {
      if (typeof n !== 'number' || !(n >= 0)) throw new RangeError('invalid size');
      return n;
    };
    const make = function (array) { return Object.setPrototypeOf(array, B.prototype); };
    const B = function Buffer() { throw new TypeError('use Buffer.from or Buffer.alloc'); };
    B.prototype = Object.create(Uint8Array.prototype);
    hidden(B.prototype, 'constructor', B);
    const bytes = function (v, enc) {
      if (typeof v === 'string') return new Uint8Array(host.decode(v, check(enc)));
      if (ArrayBuffer.isView(v)) return new Uint8Array(v.buffer, v.byteOffset, v.byteLength);
      throw new TypeError('first argument is not a string or Buffer-like object');
    };
    const statics = {
      alloc(n, fill, enc) { const b = make(new Uint8Array(size(n))); return fill === undefined ? b : b.fill(fill, 0, n, enc); },
      allocUnsafe(n) { return make(new Uint8Array(size(n))); },
      from(v, a, b) {
        if (typeof v === 'string') return make(new Uint8Array(host.decode(v, check(a))));
        if (v instanceof ArrayBuffer) return make(b === undefined ? new Uint8Array(v, a === undefined ? 0 : a) : new Uint8Array(v, a, b));
        if (v !== null && typeof v === 'object') {
          if (v.type === 'Buffer' && Array.isArray(v.data)) return make(new Uint8Array(v.data));
          if (Array.isArray(v) || ArrayBuffer.isView(v) || typeof v.length === 'number') return make(Uint8Array.from(v));
          const p = v.valueOf();
          if (p !== v) return statics.from(p, a, b);
        }
        throw new TypeError('first argument ' + String(v) + ' is not a string or Buffer-like object');
      },
      concat(list, n) {
        if (!Array.isArray(list)) throw new TypeError('"list" argument must be an instance of Array');
        let total = 0;
        for (let i = 0; i < list.length; i++) total += list[i].length;
        if (n !== undefined) total = n;
        const out = statics.alloc(total);
        let at = 0;
        for (let i = 0; i < list.length && at < total; i++) {
          const part = at + list[i].length > total ? list[i].subarray(0, total - at) : list[i];
          out.set(part, at);
          at += part.length;
        }
        return out;
      },
      compare(a, b) {
        const n = Math.min(a.length, b.length);
        for (let i = 0; i < n; i++) if (a[i] !== b[i]) return a[i] < b[i] ? -1 : 1;
        return a.length === b.length ? 0 : a.length < b.length ? -1 : 1;
      },
      byteLength(v, enc) { return typeof v === 'string' ? bytes(v, enc).length : v.byteLength; },
      isBuffer(v) { return v instanceof B; },
      isEncoding(enc) { return typeof enc === 'string' && coded.indexOf(enc.toLowerCase()) >= 0; },
    };
    const find = function (self, v, from, enc, back) {
      const what = typeof v === 'number' ? new Uint8Array([v]) : bytes(v, enc), last = self.length - what.length;
      if (from === undefined) from = back ? last : 0;
      if (from < 0) from += self.length;
      for (let i = back ? Math.min(from, last) : Math.max(from, 0); back ? i >= 0 : i <= last; i += back ? -1 : 1) {
        let j = 0;
        while (j < what.length && self[i + j] === what[j]) j++;
        if (j === what.length) return i;
      }
      return -1;
    };
    const methods = {
      toString(enc, from, to) {
        const n = this.length;
        return host.encode(this.subarray(from === undefined ? 0 : from, to === undefined ? n : to), check(enc));
      },
      toJSON() { return { type: 'Buffer', data: Array.prototype.slice.call(this) }; },
      equals(b) { return statics.compare(this, b) === 0; },
      compare(b, tf, tt, sf, st) { return statics.compare(this.subarray(sf || 0, st === undefined ? this.length : st), b.subarray(tf || 0, tt === undefined ? b.length : tt)); },
      copy(to, at, from, end) {
        const part = this.subarray(from || 0, end === undefined ? this.length : end), room = Math.max(0, to.length - (at || 0));
        const put = part.length > room ? part.subarray(0, room) : part;
        to.set(put, at || 0);
        return put.length;
      },
      slice(a, b) { return this.subarray(a, b); },
      subarray(a, b) { return make(Uint8Array.prototype.subarray.call(Object.setPrototypeOf(new Uint8Array(this.buffer, this.byteOffset, this.length), Uint8Array.prototype), a, b)); },
      fill(v, from, to, enc) {
        from = from === undefined ? 0 : from; to = to === undefined ? this.length : to;
        if (typeof v === 'number') { Uint8Array.prototype.fill.call(this, v, from, to); return this; }
        const what = bytes(v, enc);
        if (what.length === 0) { Uint8Array.prototype.fill.call(this, 0, from, to); return this; }
        for (let i = from; i < to; i++) this[i] = what[(i - from) % what.length];
        return this;
      },
      includes(v, from, enc) { return find(this, v, from, enc, false) >= 0; },
      indexOf(v, from, enc) { return find(this, v, from, enc, false); },
      lastIndexOf(v, from, enc) { return find(this, v, from, enc, true); },
      write(s, at, n, enc) {
        if (typeof at === 'string') { enc = at; at = 0; n = undefined; } else if (typeof n === 'string') { enc = n; n = undefined; }
        const b = bytes(String(s), enc), room = Math.min(this.length - (at || 0), n === undefined ? b.length : n);
        this.set(b.subarray(0, room), at || 0);
        return Math.min(room, b.length);
      },
    };
    const swap = function (n) {
      return function () {
        if (this.length % n) throw new RangeError('Buffer size must be a multiple of ' + 8 * n + '-bits');
        for (let i = 0; i < this.length; i += n) Uint8Array.prototype.subarray.call(this, i, i + n).reverse();
        return this;
      };
    };
    methods.swap16 = swap(2); methods.swap32 = swap(4); methods.swap64 = swap(8);
    const view = function (b) { return new DataView(b.buffer, b.byteOffset, b.byteLength); };
    [['Int8', 'Int8', ''], ['UInt8', 'Uint8', ''], ['Int16', 'Int16', 'e'], ['UInt16', 'Uint16', 'e'], ['Int32', 'Int32', 'e'], ['UInt32', 'Uint32', 'e'],
      ['Float', 'Float32', 'e'], ['Double', 'Float64', 'e']].forEach(function (k) {
      const width = k[0] === 'Float' ? 4 : k[0] === 'Double' ? 8 : parseInt(k[1].replace(/\D+/, ''), 10) / 8;
      (k[2] ? ['LE', 'BE'] : ['']).forEach(function (end) {
        const little = end === 'LE';
        methods['read' + k[0] + end] = function (at) { return view(this)['get' + k[1]](at || 0, little); };
        methods['write' + k[0] + end] = function (v, at) { view(this)['set' + k[1]](at || 0, v, little); return (at || 0) + width; };
      });
    });
    ['LE', 'BE'].forEach(function (end) {
      const order = function (n, i) { return end === 'LE' ? n - 1 - i : i; };
      methods['readUInt' + end] = function (at, n) { let v = 0; for (let i = 0; i < n; i++) v = v * 256 + this[at + order(n, i)]; return v; };
      methods['readInt' + end] = function (at, n) { const v = this['readUInt' + end](at, n), m = Math.pow(2, 8 * n); return v >= m / 2 ? v - m : v; };
      methods['writeUInt' + end] = methods['writeInt' + end] = function (v, at, n) {
        if (v < 0) v += Math.pow(2, 8 * n);
        for (let i = n - 1; i >= 0; i--) { this[at + order(n, i)] = v % 256; v = Math.floor(v / 256); }
        return at + n;
      };
    });
    Object.keys(statics).forEach(function (k) { hidden(B, k, statics[k]); });
    Object.keys(methods).forEach(function (k) { hidden(B.prototype, k, methods[k]); });
    hidden(G, 'Buffer', B);
    modules.buffer = { Buffer: B };

    hidden(G, 'atob', { atob(s) { return host.encode(new Uint8Array(host.decode(String(s), 'base64')), 'latin1'); } }.atob);
    hidden(G, 'btoa', { btoa(s) { return host.encode(new Uint8Array(host.decode(String(s), 'strict-latin1')), 'base64'); } }.btoa);
    const Enc = function TextEncoder() {};
    Enc.prototype = { constructor: Enc, encode(s) { return new Uint8Array(host.decode(s === undefined ? '' : String(s), 'utf8')); } };
    const Dec = function TextDecoder(label, o) {
      if (label !== undefined && !/^utf-?8$/i.test(label)) throw new RangeError('The "' + label + '" encoding is not supported');
      this.fatal = !!(o && o.fatal);
    };
    Dec.prototype = { constructor: Dec, encoding: 'utf-8', decode(v) {
      if (v === undefined) return '';
      const b = v instanceof ArrayBuffer ? new Uint8Array(v) : new Uint8Array(v.buffer, v.byteOffset, v.byteLength);
      return host.encode(b, this.fatal ? 'strict-utf8' : 'utf8').replace(/^\uFEFF/, '');
    } };
    hidden(G, 'TextEncoder', Enc);
    hidden(G, 'TextDecoder', Dec);

    // The helper module. What it is asked of the origin is read by Go.
    const kvs = { get(key, o) { return host.kvsGet(this.name, String(key), o && o.format !== undefined ? String(o.format) : 'string').then(function (v) { return typeof v === 'object' && v instanceof ArrayBuffer ? statics.from(v) : v; }); },
      exists(key) { return host.kvsExists(this.name, String(key)); },
      meta() { return host.kvsMeta(this.name); },
      count() { return host.kvsMeta(this.name).then(function (m) { return m.keyCount; }); } };
    const cf = {
      kvs(id) {
        const h = Object.create(kvs);
        hidden(h, 'name', host.kvsOpen(id === undefined ? '' : String(id)));
        return h;
      },
      updateRequestOrigin(o) { host.origin('update', o); },
      selectRequestOriginById(id, o) { host.origin('select', { originId: id, originOverrides: o }); },
      createRequestOriginGroup(o) { host.origin('group', o); },
    };
    // CBOR web tokens. The guide gives generateToken's arguments in one order
    // and calls it in the other: what has a payload is the token.
    const secret = function (o) {
      if (o === null || typeof o !== 'object' || typeof o.key !== 'string' && !ArrayBuffer.isView(o.key)) throw new TypeError('key is not a string or Buffer-like object');
      return o.key;
    };
    cf.cwt = {
      validateToken(token, context) {
        if (!ArrayBuffer.isView(token)) throw new TypeError('the token is not a Buffer');
        return host.cwtValidate(token, secret(context), statics.from);
      },
      generateToken(a, b) {
        const first = a !== null && typeof a === 'object' && a.payload !== undefined, token = first ? a : b, context = first ? b : a;
        if (token === null || typeof token !== 'object') throw new TypeError('the payload is not an object');
        const key = secret(context);
        if (context.coseTag !== 'MAC0') throw new TypeError('coseTag is not MAC0');
        const part = function (name, other) { return token[name] === undefined ? token[other] : token[name]; };
        return statics.from(host.cwtGenerate(part('protected', 'protectedHeaders'), part('unprotected', 'unprotectedHeaders'), token.payload, key, context.cwtTag === true));
      },
    };
    Object.defineProperty(cf, 'edgeLocation', { get: host.edgeLocation, enumerable: true });
    cf.default = cf;
    modules.cloudfront = cf;
  } else {
    // Byte strings: a string whose characters are bytes.
    const range = function (s, a, b) { s = String(s); return a === undefined && b === undefined ? s : s.slice(a, b); };
    const text = {
      toUTF8(a, b) { return range(host.encode(new Uint8Array(host.decode(String(this), 'utf8')), 'latin1'), a, b); },
      fromUTF8(a, b) {
        try { return host.encode(new Uint8Array(host.decode(range(this, a, b), 'strict-latin1')), 'strict-utf8'); } catch (e) { return null; }
      },
      toBytes(a, b) {
        const s = range(this, a, b);
        for (let i = 0; i < s.length; i++) if (s.charCodeAt(i) > 255) return null;
        return s;
      },
      fromBytes(a, b) { return range(this, a, b); },
    };
    Object.keys(text).forEach(function (k) { hidden(String.prototype, k, text[k]); });
    const bytesFrom = { bytesFrom(v, enc) {
      if (Array.isArray(v)) return String.fromCharCode.apply(null, v.map(function (x) { return x & 255; }));
      if (['hex', 'base64', 'base64url'].indexOf(enc) < 0) throw new TypeError('Unknown encoding: "' + enc + '"');
      return host.encode(new Uint8Array(host.decode(String(v), enc)), 'latin1');
    } }.bytesFrom;
    hidden(String, 'bytesFrom', bytesFrom);
    hidden(String.prototype, 'bytesFrom', bytesFrom);
  }
  hidden(G, 'require', { require(name) {
    if (Object.prototype.hasOwnProperty.call(modules, name)) return modules[name];
    throw new Error('Cannot find module "' + name + '"');
  } }.require);
  Object.keys(modules).forEach(function (k) { if (modules[k].default === undefined) hidden(modules[k], 'default', modules[k]); });
  return modules;
})
