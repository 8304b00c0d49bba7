// Which URLs an endpoint can have: https and public hosts, and where the operator allows it (ALLOW_LOOPBACK_WEBHOOKS,
// which the tests' Worker has) this machine. What is tried all the same when the operator no longer allows it:
// failures.test.ts.

import assert from "node:assert/strict";
import test from "node:test";
import { account } from "../support/accounts.ts";
import { assertError, idsOf } from "../support/expectations.ts";
import { WEBHOOKS, webhookItem } from "../support/paths.ts";

const PUBLIC_URL = "https://example.com/hook";
/** The Worker as it is deployed, without ALLOW_LOOPBACK_WEBHOOKS. */
const DEPLOYED = { "x-test-no-loopback-webhooks": "1" };

const PUBLIC = [
  "https://example.com",
  "https://example.com/",
  "https://example.com/hook?account=1&x=%20",
  "https://EXAMPLE.com/Hook",
  "https://a.b.c.d.example.co.uk/x/../y",
  "https://xn--bcher-kva.example/hook",
  "https://my_hooks.example.com/hook",
  "https://1.example.com",
  "https://example.com:443/hook",
  "https://example.com:1024/hook",
  "https://example.com:8443/hook",
  "https://example.com:65535/hook",
  // Public addresses, at the edges of what is not.
  "https://8.8.8.8/hook",
  "https://1.1.1.1:8443/hook",
  "https://9.255.255.255/hook",
  "https://11.0.0.0/hook",
  "https://100.63.255.255/hook",
  "https://100.128.0.0/hook",
  "https://126.255.255.255/hook",
  "https://128.0.0.0/hook",
  "https://169.253.255.255/hook",
  "https://169.255.0.0/hook",
  "https://172.15.255.255/hook",
  "https://172.32.0.0/hook",
  "https://192.167.255.255/hook",
  "https://192.169.0.0/hook",
  "https://198.17.255.255/hook",
  "https://198.20.0.0/hook",
  "https://223.255.255.255/hook",
  "https://[2606:4700:4700::1111]/hook",
  "https://[2001:4860:4860::8888]:8443/hook",
  // The name only looks like one that is refused.
  "https://localhost.example.com/hook",
  "https://notlocalhost.com/hook",
  "https://internal.example.com/hook",
  "https://local.com/hook",
  "https://mylocal.org/hook",
  "https://test.example.com/hook",
  `https://example.com/${"x".repeat(1000 - "https://example.com/".length)}`,
];

const LOOPBACK = [
  "http://localhost:8787/hook",
  "https://localhost:8787/hook",
  "http://127.0.0.1:1024/hook",
  "http://127.0.0.1:65535/hook",
  "http://127.255.255.254:8787",
  "https://127.0.0.1:8787/hook",
  "http://[::1]:8787/hook",
  "https://[::1]:8787/hook",
  "https://[0000:0000:0000:0000:0000:0000:0000:0001]:8787/hook",
];

const REFUSED = [
  // Not a URL.
  "example.com",
  "example.com/hook",
  "//example.com/hook",
  "/hook",
  "https://",
  "https:///hook",
  "https:example.com",
  "https:/example.com",
  "https:\\\\example.com",
  "https://?x",
  "https://#x",
  "hook",
  // Another scheme, also of a public host.
  "http://example.com/hook",
  "http://8.8.8.8/hook",
  "HTTP://example.com/hook",
  "ftp://example.com/hook",
  "ws://example.com/hook",
  "wss://example.com/hook",
  "file:///etc/passwd",
  "data:text/plain,hello",
  "javascript:alert(1)",
  "blob:https://example.com/1",
  "httpss://example.com",
  "xhttps://example.com",
  // User info and fragments.
  "https://user@example.com/hook",
  "https://user:secret@example.com/hook",
  "https://:secret@example.com/hook",
  "https://@example.com/hook",
  "https://8.8.8.8@127.0.0.1/hook",
  "https://example.com%40127.0.0.1/hook",
  "https://example.com/hook#part",
  "https://example.com/#",
  // Characters that are no printable ASCII, or that programs read in different ways.
  "https://bücher.example/hook",
  "https://example.com/bücher",
  "https://ｅｘａｍｐｌｅ.com/hook",
  "https://example。com/hook",
  "https://１２７.0.0.1/hook",
  "https://exam\u00ADple.com/hook",
  "https://exam\u200Bple.com/hook",
  "https://exam\tple.com/hook",
  "https://exam\nple.com/hook",
  "https://example.com/a b",
  " https://example.com/hook",
  "https://example.com/hook ",
  "https://example.com/hook\r\nX-Header: 1",
  "https://example.com\\@127.0.0.1/hook",
  "https://example.com\\.127.0.0.1/hook",
  "https://example.com/a\\b",
  'https://example.com/"',
  "https://exam%70le.com/hook",
  "https://127%2e0%2e0%2e1/hook",
  "https://example.com\u007F/hook",
  // Names without a public meaning.
  "https://example/hook",
  "https://localhost/hook",
  "https://LOCALHOST/hook",
  "https://localhost./hook",
  "https://api.localhost/hook",
  "https://printer.local/hook",
  "https://printer.LOCAL/hook",
  "https://db.internal/hook",
  "https://metadata.google.internal/hook",
  "https://router.home.arpa/hook",
  "https://example.onion/hook",
  "https://example.test/hook",
  "https://example.invalid/hook",
  "https://example.com./hook",
  "https://example.com../hook",
  "https://.example.com/hook",
  "https://example..com/hook",
  "https://./hook",
  // Ports of other services.
  "https://example.com:0/hook",
  "https://example.com:1/hook",
  "https://example.com:22/hook",
  "https://example.com:25/hook",
  "https://example.com:80/hook",
  "https://example.com:442/hook",
  "https://example.com:444/hook",
  "https://example.com:1023/hook",
  "https://example.com:65536/hook",
  "https://example.com:99999/hook",
  "https://example.com:-1/hook",
  "https://example.com:x/hook",
  "https://example.com:8443x/hook",
  "https://example.com:1e4/hook",
  // IPv4 addresses that are not public.
  "https://0.0.0.0/hook",
  "https://0.1.2.3/hook",
  "https://10.0.0.0/hook",
  "https://10.255.255.255/hook",
  "https://100.64.0.0/hook",
  "https://100.127.255.255/hook",
  "https://169.254.0.1/hook",
  "https://169.254.169.254/latest/meta-data/",
  "https://172.16.0.0/hook",
  "https://172.31.255.255/hook",
  "https://192.0.0.1/hook",
  "https://192.0.2.1/hook",
  "https://192.88.99.1/hook",
  "https://192.168.0.1/hook",
  "https://192.168.255.255:8443/hook",
  "https://198.18.0.0/hook",
  "https://198.19.255.255/hook",
  "https://198.51.100.1/hook",
  "https://203.0.113.1/hook",
  "https://224.0.0.1/hook",
  "https://239.255.255.255/hook",
  "https://240.0.0.1/hook",
  "https://255.255.255.255/hook",
  // Other spellings of IPv4 addresses: decimal, hexadecimal, octal, short, with a dot at the end.
  "https://2130706433/hook",
  "https://134744072/hook",
  "https://0x7f000001/hook",
  "https://0x7f.0.0.1/hook",
  "https://0x8.0x8.0x8.0x8/hook",
  "https://0177.0.0.1/hook",
  "https://010.8.8.8/hook",
  "https://08.8.8.8/hook",
  "https://127.1/hook",
  "https://127.0.1/hook",
  "https://8.8/hook",
  "https://8.8.8/hook",
  "https://8.8.8.8./hook",
  "https://8.8.8.256/hook",
  "https://8.8.8.8.8/hook",
  "https://1.2.3/hook",
  "https://00.0.0.0/hook",
  "https://example.0x7f/hook",
  "https://example.127/hook",
  // IPv6 addresses that are not public, in every spelling.
  "https://[::]/hook",
  "https://[0:0:0:0:0:0:0:0]/hook",
  "https://[::2]/hook",
  "https://[fc00::1]/hook",
  "https://[fd12:3456:789a::1]/hook",
  "https://[fe80::1]/hook",
  "https://[febf::1]/hook",
  "https://[fec0::1]/hook",
  "https://[fe80::1%25eth0]/hook",
  "https://[fe80::1%eth0]/hook",
  "https://[ff02::1]/hook",
  "https://[ff0e::1]/hook",
  "https://[2001:db8::1]/hook",
  "https://[2001:DB8::1]/hook",
  "https://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/hook",
  "https://[2001::1]/hook",
  "https://[2001:2::1]/hook",
  "https://[2002:7f00:1::]/hook",
  "https://[2002:808:808::1]/hook",
  "https://[100::1]/hook",
  // An IPv4 address within an IPv6 one.
  "https://[::127.0.0.1]/hook",
  "https://[::8.8.8.8]/hook",
  "https://[::ffff:127.0.0.1]/hook",
  "https://[::ffff:7f00:1]/hook",
  "https://[::FFFF:7F00:1]/hook",
  "https://[0:0:0:0:0:ffff:10.0.0.1]/hook",
  "https://[::ffff:8.8.8.8]/hook",
  "https://[64:ff9b::7f00:1]/hook",
  "https://[64:ff9b::8.8.8.8]/hook",
  "https://[64:ff9b:1::1]/hook",
  // No addresses.
  "https://[2606:4700:4700::1111/hook",
  "https://2606:4700:4700::1111/hook",
  "https://[]/hook",
  "https://[example.com]/hook",
  "https://[8.8.8.8]/hook",
  "https://[:::1]/hook",
  "https://[1:2:3:4:5:6:7:8:9]/hook",
  `https://example.com/${"x".repeat(1001 - "https://example.com/".length)}`,
];

/** Refused also where loopback is allowed. */
const NEARLY_LOOPBACK = [
  "http://localhost/hook",
  "http://localhost:80/hook",
  "http://localhost:443/hook",
  "http://localhost:1023/hook",
  "http://127.0.0.1/hook",
  "https://127.0.0.1/hook",
  "https://localhost/hook",
  "http://127.0.0.1:22/hook",
  "http://[::1]/hook",
  "http://user@127.0.0.1:8787/hook",
  "http://127.0.0.1:8787/hook#x",
  "http://127.1:8787/hook",
  "http://2130706433:8787/hook",
  "http://0x7f000001:8787/hook",
  "http://0177.0.0.1:8787/hook",
  "http://128.0.0.1:8787/hook",
  "http://0.0.0.0:8787/hook",
  "http://[::]:8787/hook",
  "http://[::ffff:127.0.0.1]:8787/hook",
  "http://api.localhost:8787/hook",
  "http://localhost.:8787/hook",
  "http://10.0.0.1:8787/hook",
  "http://192.168.0.1:8787/hook",
  "http://169.254.169.254:8787/hook",
  "http://example.com:8787/hook",
  "ftp://localhost:8787/hook",
];

test("https to a public host is taken, as it was sent", async () => {
  for (const url of PUBLIC) {
    const alice = await account();
    const { status, json, text } = await alice.post(WEBHOOKS, { url }, DEPLOYED);
    assert.deepEqual([status, json.url], [201, url], text);
    const changed = await alice.put(webhookItem(json.id), { url: PUBLIC_URL });
    assert.equal(changed.json.url, PUBLIC_URL);
    assert.equal((await alice.put(webhookItem(json.id), { url }, DEPLOYED)).json.url, url);
  }
});

test("loopback is taken where the operator allows it, and a 400 elsewhere", async () => {
  for (const url of LOOPBACK) {
    const alice = await account();
    assertError(await alice.post(WEBHOOKS, { url }, DEPLOYED), 400, "parameter_invalid", "url");
    const { status, json, text } = await alice.post(WEBHOOKS, { url });
    assert.deepEqual([status, json.url], [201, url], text);
    assertError(await alice.put(webhookItem(json.id), { url: `${url}/2` }, DEPLOYED), 400, "parameter_invalid", "url");
  }
});

test("every other URL is a 400 that names url, whether loopback is allowed or not, and nothing is stored", async () => {
  const alice = await account();
  for (const headers of [{}, DEPLOYED])
    for (const url of [...REFUSED, ...NEARLY_LOOPBACK]) {
      const answer = await alice.post(WEBHOOKS, { url }, headers);
      assert.equal(answer.status, 400, `${JSON.stringify(url)} was taken`);
      assertError(answer, 400, "parameter_invalid", "url");
    }
  assert.deepEqual(idsOf(await alice.get(WEBHOOKS)), []);
});

test("an update refuses the same URLs as a creation, and changes nothing", async () => {
  const alice = await account();
  const { json } = await alice.post(WEBHOOKS, { url: PUBLIC_URL });
  for (const url of [...REFUSED, ...NEARLY_LOOPBACK, "", null, 1, [PUBLIC_URL]]) {
    const answer = await alice.put(webhookItem(json.id), { url, description: "x" });
    assert.equal(answer.status, 400, `${JSON.stringify(url)} was taken`);
    assertError(answer, 400, "parameter_invalid", "url");
  }
  const { secret: _, ...before } = json;
  assert.deepEqual((await alice.get(webhookItem(json.id))).json, before);
});

test("the error says which URLs are valid", async () => {
  const alice = await account();
  const answer = await alice.post(WEBHOOKS, { url: "http://example.com" });
  assertError(answer, 400, "parameter_invalid", "url");
  assert.match(answer.json.message, /https/);
});
