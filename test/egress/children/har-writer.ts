// Writes a wire log until it is killed.
import type { HarEntry } from '../../../src/egress/har.js'
import { wireLog } from '../../../src/egress/wire-log.js'

const log = wireLog(process.argv[2] as string)
log.open()
process.stdout.write(`${log.place}\n`)
const entry: HarEntry = {
  startedDateTime: '2026-11-24T12:00:00.000Z',
  time: 0,
  request: {
    method: 'POST',
    url: 'https://solver.example/in.php',
    httpVersion: 'HTTP/1.1',
    cookies: [],
    headers: [],
    queryString: [],
    headersSize: -1,
    bodySize: -1,
  },
  response: {
    status: 200,
    statusText: 'OK',
    httpVersion: 'HTTP/1.1',
    cookies: [],
    headers: [],
    content: { size: 500, mimeType: 'text/plain', text: 'é'.repeat(500) },
    redirectURL: '',
    headersSize: -1,
    bodySize: -1,
  },
  cache: {},
  timings: { blocked: 0, send: 0, wait: 0, receive: 0 },
  comment: 'a test',
}
setInterval(() => {
  for (let i = 0; i < 20; i++) log.add(entry)
}, 0)
