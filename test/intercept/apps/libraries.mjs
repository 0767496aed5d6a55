// Each way of calling a service from Node: `node --import solveguard/register libraries.mjs <page> <proxy>`.
import { fork } from 'node:child_process'
import http2 from 'node:http2'
import https from 'node:https'
import tls, { connect } from 'node:tls'
import { Worker } from 'node:worker_threads'
import axios from 'axios'
import got from 'got'
import { HttpsProxyAgent } from 'https-proxy-agent'
import nodeFetch from 'node-fetch'
import { Agent, Pool, ProxyAgent, request, fetch as undiciFetch } from 'undici'

const [proxy, only] = process.argv.slice(2)
const HOST = 'https://2captcha.com'
const PATH = '/res.php?key=none&action=getbalance&json=1'
const URL_ = HOST + PATH

const viaHttps = (options) =>
  new Promise((resolve, reject) => {
    https
      .get(URL_, options, (reply) => {
        let text = ''
        reply
          .setEncoding('utf8')
          .on('data', (part) => (text += part))
          .on('end', () => resolve(text))
      })
      .on('error', reject)
  })

const viaHttp2 = () =>
  new Promise((resolve, reject) => {
    const session = http2.connect('https://api.2captcha.com')
    session.on('error', reject)
    const stream = session.request({ ':method': 'POST', ':path': '/getBalance', 'content-type': 'application/json' })
    let text = ''
    stream
      .setEncoding('utf8')
      .on('data', (part) => (text += part))
      .on('error', reject)
    stream.on('end', () => session.close(() => resolve(text)))
    stream.end(JSON.stringify({ clientKey: 'none' }))
  })

const viaTls = (open) =>
  new Promise((resolve, reject) => {
    const socket = open({ host: 'API.2captcha.com.', port: 443, servername: 'api.2captcha.com' })
    let text = ''
    socket
      .setEncoding('utf8')
      .on('data', (part) => (text += part))
      .on('end', () => resolve(text))
      .on('error', reject)
    socket.write(`GET ${PATH} HTTP/1.1\r\nhost: 2captcha.com\r\nconnection: close\r\n\r\n`)
  })

const CALL = `fetch('${URL_}').then((reply) => reply.text())`
const viaWorker = (script, options) =>
  new Promise((resolve, reject) => new Worker(script, options).on('message', resolve).on('error', reject))
const viaChild = () =>
  new Promise((resolve, reject) => fork(process.argv[1], [proxy, 'child']).on('message', resolve).on('error', reject))

const text = async (reply) => (await reply).text()
const body = async (reply) => (await reply).body.text()

const ways = {
  fetch: () => text(fetch(URL_)),
  'https, keep-alive': async () => {
    const agent = new https.Agent({ keepAlive: true })
    await viaHttps({ agent })
    return viaHttps({ agent })
  },
  'axios http': async () => JSON.stringify((await axios.get(URL_, { adapter: 'http' })).data),
  'axios fetch': async () => JSON.stringify((await axios.get(URL_, { adapter: 'fetch' })).data),
  got: () => got(URL_).text(),
  'got http2': () => got(URL_, { http2: true }).text(),
  'node-fetch': () => text(nodeFetch(URL_)),
  'undici request': () => body(request(URL_)),
  'undici fetch': () => text(undiciFetch(URL_)),
  'undici Agent': () => body(request(URL_, { dispatcher: new Agent({ allowH2: true }) })),
  'undici Pool': () => body(new Pool(HOST).request({ path: PATH, method: 'GET' })),
  'undici ProxyAgent': () => body(request(URL_, { dispatcher: new ProxyAgent(proxy) })),
  'https-proxy-agent': () => viaHttps({ agent: new HttpsProxyAgent(proxy) }),
  http2: viaHttp2,
  'tls.connect': () => viaTls(tls.connect),
  'import { connect }': () => viaTls(connect),
  'worker of a file': () => viaWorker(new URL('worker.mjs', import.meta.url)),
  'worker of eval': () =>
    viaWorker(`${CALL}.then((text) => require('node:worker_threads').parentPort.postMessage(text))`, { eval: true }),
  'worker with its own arguments': () =>
    viaWorker(`${CALL}.then((text) => require('node:worker_threads').parentPort.postMessage(text))`, {
      eval: true,
      execArgv: [],
    }),
  child: viaChild,
}

if (only === 'child') {
  process.send(await ways.fetch())
  process.disconnect()
} else {
  const results = []
  for (const [name, call] of Object.entries(ways)) {
    results.push([name, await call().catch((error) => `${error.stack} ${error.cause?.stack ?? ''}`)])
  }
  console.log(JSON.stringify(Object.fromEntries(results)))
}
