import { parentPort } from 'node:worker_threads'

const reply = await fetch('https://2captcha.com/res.php?key=none&action=getbalance&json=1')
parentPort.postMessage(await reply.text())
