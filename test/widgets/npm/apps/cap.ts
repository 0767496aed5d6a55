import '@cap.js/widget'
