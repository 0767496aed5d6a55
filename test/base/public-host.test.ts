import { expect, test } from 'vitest'
import { canReach, isPublicHost } from '../../src/base/public-host.js'

test.each([
  '203.0.113.9',
  '8.8.8.8',
  '172.32.0.1',
  '2001:db8::1',
  '[2001:db8::1]',
  'proxy.example.com',
  'localhost.example.com',
])('isPublicHost is true for %s', (host) => {
  expect(isPublicHost(host)).toBe(true)
})

test.each([
  '127.0.0.1',
  '127.1.2.3',
  '0.0.0.0',
  '10.0.0.1',
  '100.64.3.4',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '239.1.1.1',
  '255.255.255.255',
  '::1',
  '[::1]',
  '::',
  'fd00::1',
  'fe80::1',
  '::ffff:10.0.0.1',
  'localhost',
  'proxy',
  'proxy.internal',
  'PROXY.LOCAL',
  'a.localhost',
])('isPublicHost is false for %s', (host) => {
  expect(isPublicHost(host)).toBe(false)
})

test('canReach permits private hosts only to a service inside a private network', () => {
  expect(canReach('https://api.example.com', '10.0.0.1')).toBe(false)
  expect(canReach('https://api.example.com', '203.0.113.9')).toBe(true)
  expect(canReach('http://127.0.0.1:8080', '127.0.0.1')).toBe(true)
  expect(canReach('https://solver.internal', '10.0.0.1')).toBe(true)
})
