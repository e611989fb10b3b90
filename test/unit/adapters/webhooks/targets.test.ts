import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { addressKind } from '../../../../shared/adapters/webhooks/address-kind.ts';
import { HttpWebhookSender } from '../../../../shared/adapters/webhooks/webhook-sender.ts';
import { DEFAULT_TARGET_POLICY } from '../../../../shared/domain/webhooks/webhook-target.ts';
import { FakeClock } from '../../../support/fake-clock.ts';

/** Hosts as they stand in a URL: every way to write what must not be reached. */
const HOSTS = [
  // Loopback, in the forms a URL parser and an old C library take.
  '127.0.0.1',
  '127.1',
  '127.0.1',
  '127.255.255.254',
  '2130706433',
  '0x7f000001',
  '0x7f.1',
  '0x7f.0x0.0x0.0x1',
  '017700000001',
  '0177.0.0.1',
  '0177.1',
  '127.0.0.1.',
  '%31%32%37.0.0.1',
  '１２７.0.0.1',
  '①②⑦.0.0.1',
  '127。0。0。1',
  '[::1]',
  '[0:0:0:0:0:0:0:1]',
  '[0000:0000:0000:0000:0000:0000:0000:0001]',
  // This host, and addresses of no host.
  '0.0.0.0',
  '0',
  '0.0.0.1',
  '[::]',
  '255.255.255.255',
  // Private, shared and link-local networks.
  '10.0.0.1',
  '10.1',
  '167772161',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.0.1',
  '0xc0a80001',
  '100.64.0.1',
  '100.127.255.254',
  '169.254.0.1',
  '[fe80::1]',
  '[febf::1]',
  '[fec0::1]',
  '[fc00::1]',
  '[fd12:3456:789a::1]',
  // Metadata services.
  '169.254.169.254',
  '2852039166',
  '0xa9fea9fe',
  '0251.0376.0251.0376',
  '169.254.170.2',
  '[fd00:ec2::254]',
  '[fd20:ce::254]',
  '100.100.100.200',
  '192.0.0.192',
  '168.63.129.16',
  // IPv4 inside IPv6.
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::ffff:169.254.169.254]',
  '[::ffff:10.0.0.1]',
  '[::127.0.0.1]',
  '[::a9fe:a9fe]',
  '[::ffff:0:127.0.0.1]',
  '[64:ff9b::127.0.0.1]',
  '[64:ff9b::a9fe:a9fe]',
  '[64:ff9b::8.8.8.8]',
  '[64:ff9b:1::7f00:1]',
  '[2002:7f00:1::]',
  '[2002:a9fe:a9fe::1]',
  '[2002:808:808::1]',
  '[2001:0:7f00:1::1]',
  '[2001:0:53aa:64c:0:78bb:80ff:fffe]',
  // Reserved, multicast, documentation, benchmarks.
  '192.0.0.1',
  '192.0.2.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '192.88.99.1',
  '224.0.0.1',
  '239.255.255.250',
  '240.0.0.1',
  '[ff02::1]',
  '[2001:db8::1]',
  '[2001:2::1]',
  '[100::1]',
  '[4000::1]',
];

/** Whole URLs that are refused for what they are. */
const URLS = [
  'http://example.com/',
  'https://user@example.com/',
  'https://user:secret@example.com/',
  'https://:secret@example.com/',
  'https://@example.com/',
  'https://example.com@127.0.0.1/',
  'https://example.com:22/',
  'https://example.com:80/',
  'https://example.com:0/',
  'https://example.com:99999/',
  'https://example.com\\@127.0.0.1/',
  'https:\\\\127.0.0.1/',
  'https:/127.0.0.1/',
  'https:127.0.0.1/',
  'https:///127.0.0.1/',
  '//example.com/',
  'ftp://example.com/',
  'file:///etc/passwd',
  'gopher://example.com:443/',
  'javascript:alert(1)',
  'https://exa\tmple.com/',
  'https://example.com/\r\nhost: internal',
  ' https://example.com/',
  'https://example.com/#fragment',
  'https://[::1%25eth0]/',
  'https://1.2.3.4.5/',
  'https://256.1.1.1/',
  'https://',
  '',
  `https://example.com/${'a'.repeat(3_000)}`,
];

const MESSAGE = { headers: {}, body: '{}' };

/** Where sockets of this process were told to go, whoever opened them. */
function spyOnSockets(): string[] {
  const targets: string[] = [];
  vi.spyOn(Socket.prototype, 'connect').mockImplementation(function (
    this: Socket,
    ...args: unknown[]
  ) {
    const [first] = args;
    const options = Object(Array.isArray(first) ? first[0] : first);
    targets.push(`${options.host}:${options.port}`);
    // Nothing leaves this machine in a test.
    queueMicrotask(() => this.destroy(new Error('no network here')));
    return this;
  });
  return targets;
}

function senderWith(resolve: (name: string) => Promise<readonly string[]>) {
  return new HttpWebhookSender({
    policy: DEFAULT_TARGET_POLICY,
    clock: new FakeClock(),
    resolve,
    mostMs: 2_000,
  });
}

const PUBLIC = '93.184.216.34';

describe('an endpoint', () => {
  let targets: string[];
  beforeEach(() => {
    targets = spyOnSockets();
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it('whose host is an address that must not be reached is not stored, and no socket is opened to it', async () => {
    const asked: string[] = [];
    // A resolver that calls everything public, so that nothing but the guard can refuse.
    const sender = senderWith(async (name) => {
      asked.push(name);
      return [PUBLIC];
    });
    expect(new Set(HOSTS).size).toBeGreaterThan(70);
    const accepted: string[] = [];
    for (const host of HOSTS) {
      const url = `https://${host}/hook`;
      if ((await sender.check(url)) === null) accepted.push(url);
      const outcome = await sender.send({ ...MESSAGE, url });
      if (outcome.kind !== 'refused') accepted.push(`sent ${url}`);
    }
    expect(accepted).toEqual([]);
    expect(asked).toEqual([]);
    expect(targets).toEqual([]);
  });

  it('whose URL is not plain https to an allowed port is refused', async () => {
    const sender = senderWith(async () => [PUBLIC]);
    const accepted: string[] = [];
    for (const url of URLS) {
      if ((await sender.check(url)) === null) accepted.push(url);
      const outcome = await sender.send({ ...MESSAGE, url });
      if (outcome.kind !== 'refused') accepted.push(`sent ${url}`);
    }
    expect(accepted).toEqual([]);
    expect(targets).toEqual([]);
  });

  it('whose name leads to any of them, beside public ones too, is not sent to', async () => {
    const addresses = HOSTS.flatMap((host) => {
      const { hostname } = new URL(`https://${host}/`);
      return hostname.replace(/^\[|\]$/g, '');
    });
    for (const address of [...addresses, 'fe80::1%eth0', '', 'not an address']) {
      for (const all of [[address], [PUBLIC, address], [address, PUBLIC]]) {
        const sender = senderWith(async () => all);
        expect(await sender.check('https://rebind.example/'), all.join()).not.toBeNull();
        const outcome = await sender.send({ ...MESSAGE, url: 'https://rebind.example/' });
        expect(outcome.kind, all.join()).toBe('refused');
      }
    }
    expect(targets).toEqual([]);
  });

  it('whose name was public when it was stored and is loopback when it is sent to is not reached', async () => {
    const answers = [[PUBLIC], ['127.0.0.1'], ['::1'], [PUBLIC, '169.254.169.254']];
    const sender = senderWith(async () => answers.shift() ?? []);
    expect(await sender.check('https://rebind.example/')).toBeNull();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const outcome = await sender.send({ ...MESSAGE, url: 'https://rebind.example/' });
      expect(outcome.kind).toBe('refused');
    }
    expect(answers).toEqual([]);
    expect(targets).toEqual([]);
  });

  it('is asked for once a try, and the socket goes to the very address that was checked', async () => {
    // Public for the guard, loopback for whoever would ask again.
    const answers = [[PUBLIC, '2606:2800:220:1:248:1893:25c8:1946'], ['127.0.0.1'], ['127.0.0.1']];
    const sender = senderWith(async () => answers.shift() ?? []);
    const outcome = await sender.send({ ...MESSAGE, url: 'https://rebind.example/' });
    expect(outcome.kind).toBe('unanswered');
    expect(targets).toEqual([`${PUBLIC}:443`]);
    expect(answers).toHaveLength(2);
  });

  it('that stands for nothing is not stored', async () => {
    const nowhere = senderWith(async () => {
      throw new Error('ENOTFOUND');
    });
    expect(await nowhere.check('https://nowhere.example/')).toMatch(/cannot be found/);
    const empty = senderWith(async () => []);
    expect(await empty.check('https://empty.example/')).toMatch(/no address/);
  });

  it('on a public address may be stored', async () => {
    const sender = senderWith(async () => [PUBLIC]);
    for (const url of [
      'https://example.com',
      'https://EXAMPLE.com:443/hook?token=1',
      'https://8.8.8.8/',
      'https://[2606:4700:4700::1111]/',
      'https://[::ffff:8.8.8.8]/',
      'https://bücher.example/',
    ]) {
      expect(await sender.check(url), url).toBeNull();
    }
  });

  it('may be on loopback, over http and any port, only where that is configured', async () => {
    const sender = new HttpWebhookSender({
      policy: { ports: [443], allowsLoopback: true },
      clock: new FakeClock(),
      resolve: async (name) => (name === 'localhost' ? ['127.0.0.1', '::1'] : [PUBLIC]),
    });
    expect(await sender.check('http://127.0.0.1:8080/')).toBeNull();
    expect(await sender.check('http://localhost:8080/')).toBeNull();
    expect(await sender.check('http://[::1]:8080/')).toBeNull();
    expect(await sender.check('http://example.com/')).toMatch(/https/);
    expect(await sender.check('https://example.com:8080/')).toMatch(/port/);
    expect(await sender.check('http://10.0.0.1/')).toMatch(/public/);
    expect(await sender.check('http://169.254.169.254/')).toMatch(/public/);
  });
});

it('knows addresses by what they lead to', () => {
  expect(addressKind('::ffff:127.0.0.1')).toBe('loopback');
  expect(addressKind('::ffff:8.8.8.8')).toBe('public');
  expect(addressKind('64:ff9b::808:808')).toBe('other');
  expect(addressKind('example.com')).toBe('other');
});
