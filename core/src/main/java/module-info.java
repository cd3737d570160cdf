/** Read, build and verify EROFS images and their blobs. */
module dev.aquifer.core {
  requires static transitive org.jspecify;
  requires com.fasterxml.jackson.databind;
  requires com.github.luben.zstd_jni;
  requires java.net.http;
  requires org.tukaani.xz;

  exports dev.aquifer.io;
  exports dev.aquifer.codec;
  exports dev.aquifer.format;
  exports dev.aquifer.image;
  exports dev.aquifer.build;
  exports dev.aquifer.input;
  exports dev.aquifer.blob;
  exports dev.aquifer.nio;
  exports dev.aquifer.tool;

  provides java.nio.file.spi.FileSystemProvider with
      dev.aquifer.nio.ErofsFileSystemProvider;
}
