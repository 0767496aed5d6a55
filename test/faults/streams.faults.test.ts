import { faultTests } from './campaign.js'

faultTests(
  ['stream', 'batch'],
  {
    errors: { sample: 1, usual: 30 },
    kills: { sample: 1, usual: 16 },
    bytes: { sample: 0, usual: 10 },
  },
  {
    stream: ['unlock:shm:48 EIO writes', 'lock:shm:41 ENOLCK all'],
    batch: ['pread:wal:8 EIO twice', 'unlock:shm:51 EIO once'],
  },
)
